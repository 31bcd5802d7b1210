"""Carries out a plan: layers are replaced in execution order, each fitted to what the original gives at its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from analyzer.fitting.layer_choices import LayerChoice
from analyzer.fitting.networks import Batches, gathered, norms, own_statistics, sharing_copy
from analyzer.fitting.replacing import Replaceable, shifted
from analyzer.fitting.single_changes import Baseline
from analyzer.fitting.time_left import TimeLeft
from analyzer.rewriting.swapping import put

FEWEST = 2
"""Values a channel that a batch must have for its variance."""
Progress = Callable[[str], None]
Statistics = dict[str, tuple[Tensor, Tensor]]


def reconstructed(
    baseline: Baseline, chosen: Sequence[LayerChoice], progress: Progress
) -> tuple[nn.Module, dict[str, float]]:
    """A copy of the model with the choices in it, and what of each layer's output is missing.

    Targets are the original's outputs, inputs those that the already changed model gives, so that later layers make up
    for what earlier ones lost (Zhang et al. 2016).
    """
    changed = sharing_copy(baseline.model)
    if any(norm.training for norm in norms(baseline.model)):
        for norm, like in zip(norms(changed), norms(baseline.model), strict=True):
            norm.train(like.training)
    own_statistics(changed)
    errors = {}
    by_path = {choice.path: choice for choice in chosen}
    remaining = TimeLeft(len(chosen))
    for index, path in enumerate(path for path in baseline.calls if path in by_path):
        progress(f"fitting the weights of {path}, layer {index + 1} of {len(chosen)}{remaining.after(index)}")
        errors[path] = _replaced(baseline, changed, by_path[path])
    return changed, errors


def _replaced(baseline: Baseline, changed: nn.Module, choice: LayerChoice) -> float:
    path = choice.path
    sums = gathered(baseline.model, changed, {path: baseline.calls[path]}, baseline.batches, baseline.rows)
    norm = baseline.norm_of(path, changed)
    new = Replaceable.of(changed.get_submodule(path), norm, sums[path]).fitted([choice])[choice]
    put(changed, {path: new.layer})
    if norm is not None:
        shifted(norm, new.shift)
    return new.error


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
    sums: dict[str, list[Tensor]] = {}
    with _observed(model, sums) as observed:
        for batch in batches:
            batch.through(observed)
    found = {}
    for path, (count, total, squares) in sums.items():
        mean = total / count
        found[path] = mean.float(), (squares / count - mean.square()).clamp_min(0).float()
    return found


@contextmanager
def _observed(model: nn.Module, sums: dict[str, list[Tensor]]) -> Iterator[nn.Module]:
    """A copy that normalizes by the batch where it is large enough, and adds up what its normalizations read."""
    copied = sharing_copy(model)
    own_statistics(copied)
    paths: Mapping[nn.Module, str] = {norm: path for path, norm in copied.named_modules()}

    def add(norm: nn.Module, args: tuple[Any, ...]) -> None:
        value = args[0].detach().double()
        rows = value.transpose(0, 1).flatten(1) if value.dim() > 1 else value[None]
        norm.train(rows.shape[1] >= FEWEST)
        parts = [torch.tensor(float(rows.shape[1])), rows.sum(1), rows.square().sum(1)]
        known = sums.get(paths[norm])
        sums[paths[norm]] = parts if known is None else [a + b for a, b in zip(known, parts, strict=True)]

    for norm in norms(copied):
        norm.momentum = 0.0
        norm.register_forward_pre_hook(add)
    yield copied
