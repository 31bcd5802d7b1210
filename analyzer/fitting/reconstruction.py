"""Carries out a plan: layers are replaced in execution order, each fitted to what the original gives at its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from analyzer.fitting.layer_choices import LayerChoice
from analyzer.fitting.networks import Batches, Side, gathered, norms, own_statistics, sharing_copy
from analyzer.fitting.rectified_fit import fitted_before_relu
from analyzer.fitting.replacing import Fitted, Replaceable, shifted
from analyzer.fitting.single_changes import Baseline, harm_of
from analyzer.fitting.time_left import TimeLeft
from analyzer.rewriting.recalibrating import read_by_norms
from analyzer.rewriting.swapping import put

Progress = Callable[[str], None]
Statistics = dict[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Reconstruction:
    """A copy of the model with choices in it."""

    model: nn.Module
    errors: Mapping[str, float]
    """By layer, what of its output is missing."""
    rectified: frozenset[str]
    """Layers that were fitted to what the ReLU after them lets through."""


def reconstructed(baseline: Baseline, chosen: Sequence[LayerChoice], progress: Progress) -> Reconstruction:
    """The choices put in one by one.

    Targets are the original's outputs, inputs those that the already changed model gives, so that later layers make up
    for what earlier ones lost; before a ReLU the fit to what it lets through is taken where that brings the model's
    output nearer (both Zhang et al. 2016).
    """
    changed = sharing_copy(baseline.model)
    if any(norm.training for norm in norms(baseline.model)):
        for norm, like in zip(norms(changed), norms(baseline.model), strict=True):
            norm.train(like.training)
    own_statistics(changed)
    judged_from = baseline.judged_from(changed)
    sides = baseline.fitted_from(baseline.model), baseline.fitted_from(changed)
    errors, rectified = dict[str, float](), set[str]()
    by_path = {choice.path: choice for choice in chosen}
    remaining = TimeLeft(len(chosen))
    for index, path in enumerate(path for path in baseline.calls if path in by_path):
        progress(f"fitting the weights of {path}, layer {index + 1} of {len(chosen)}{remaining.after(index)}")
        plain, other = _fits(baseline, by_path[path], *(side(path) for side in sides))
        new = plain
        if other is not None:
            runs = judged_from(path)
            new = min(plain, other, key=lambda fit: harm_of(baseline, changed, path, fit, runs))
            rectified |= {path} if new is other else set()
        _put(changed, path, new, baseline.norm_of(path, changed))
        errors[path] = new.error
    return Reconstruction(changed, errors, frozenset(rectified))


def _fits(baseline: Baseline, choice: LayerChoice, original: Side, changed: Side) -> tuple[Fitted, Fitted | None]:
    """The plain fit, and the one to what a ReLU lets through where one follows."""
    path = choice.path
    calls, keeps = {path: baseline.calls[path]}, path in baseline.before_relu
    sums = gathered(changed, calls, baseline.rows, original, keeps)[path]
    own = Replaceable.of(changed.model.get_submodule(path), baseline.norm_of(path, changed.model), sums)
    plain = own.fitted([choice])[choice]
    return plain, fitted_before_relu(own, choice, plain, sums.kept) if sums.kept else None


def _put(model: nn.Module, path: str, new: Fitted, norm: _BatchNorm | None) -> None:
    put(model, {path: new.layer})
    if norm is not None:
        shifted(norm, new.shift)


def recalibrated(original: nn.Module, changed: nn.Module, batches: Batches) -> nn.Module | None:
    """The changed model with its normalizations' statistics moved as its activations have; None where none are stored.

    The mean moves by the difference of both models' means over the batches, the variance by their ratio: what the
    stored statistics knew of the training data is kept.
    """
    before, after = _statistics(original, batches), _statistics(changed, batches)
    if not after:
        return None
    result = sharing_copy(changed)
    for path, (mean, variance) in after.items():
        norm = result.get_submodule(path)
        assert isinstance(norm, _BatchNorm)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        old_mean, old_variance = before[path]
        norm.running_mean = norm.running_mean + (mean - old_mean)
        norm.running_var = norm.running_var * (variance + norm.eps) / (old_variance + norm.eps)
    return result


def _statistics(model: nn.Module, batches: Batches) -> Statistics:
    """Mean and variance (channels,) of what each normalization reads, all normalizing by the batch."""
    observed = sharing_copy(model)
    own_statistics(observed)
    paths = {module: path for path, module in observed.named_modules()}
    found = {}
    for norm, (count, total, squares) in read_by_norms(observed, batches).items():
        mean = total / count
        found[paths[norm]] = mean.float(), (squares / count - mean.square()).clamp_min(0).float()
    return found
