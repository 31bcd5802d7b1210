"""Estimates batch normalization anew on calibration inputs, and measures on them how far a changed model is off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

from analyzer.rewriting.copying import copied
from analyzer.values.errors import Problem

Arguments = tuple[Sequence[Any], Mapping[str, Any]]
"""Positional and named arguments of one forward."""
Sums = tuple[int, torch.Tensor, torch.Tensor]
"""Values seen a channel, their sum and the sum of their squares (channels,), in double precision."""
FEWEST = 2
"""Values a channel that a batch must have to be normalized by."""


@dataclass(frozen=True)
class CalibrationInputs:
    """Batches that statistics are estimated on, and batches that errors are measured on."""

    batches: Sequence[Arguments]
    held_out: Sequence[Arguments]
    source: str = "the inputs given"


def reestimate(module: nn.Module, batches: Sequence[Arguments]) -> bool:
    """Set what batch normalizations store to mean and variance over all batches, all else as in evaluation.

    Each batch passes normalized by itself, as in training; one with a single value a channel by what is stored. False
    where nothing stores statistics. Problem where the module refuses a batch. Training modes are afterwards as before.
    """
    found = read_by_norms(module, batches)
    for norm, sums in found.items():
        _store(norm, *sums)
    return any(isinstance(layer, _BatchNorm) and layer.running_mean is not None for layer in module.modules())


def read_by_norms(module: nn.Module, batches: Sequence[Arguments]) -> Mapping[_BatchNorm, Sums]:
    """What each batch normalization with stored statistics reads over all batches, all normalizing by the batch.

    One with a single value a channel normalizes by what is stored. Problem and modes as in `reestimate`.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, _BatchNorm) and layer.running_mean is not None]
    found: dict[_BatchNorm, Sums] = {}
    with _observed(module, norms, partial(_add, found)):
        for batch in batches:
            _outputs(module, batch)
    return found


@contextmanager
def _observed(module: nn.Module, norms: Sequence[_BatchNorm], add: Callable[..., None]) -> Iterator[None]:
    """In evaluation, normalizations telling what they read and storing nothing."""
    modes = {layer: layer.training for layer in module.modules()}
    stored = {norm: (norm.momentum, norm.num_batches_tracked) for norm in norms}
    handles = [norm.register_forward_pre_hook(add) for norm in norms]
    module.eval()
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, tracked) in stored.items():
            norm.momentum, norm.num_batches_tracked = momentum, tracked
        for handle in handles:
            handle.remove()
        for layer, training in modes.items():
            layer.training = training


def _add(found: dict[_BatchNorm, Sums], norm: _BatchNorm, args: tuple[Any, ...]) -> None:
    values = args[0].detach().transpose(0, 1).flatten(1).float()  # (channels, batch × positions)
    number = values.shape[1]
    norm.training = number >= FEWEST
    variance, mean = (moment.double() for moment in torch.var_mean(values, 1, correction=0))
    count, total, squares = found.get(norm, (0, 0.0, 0.0))
    found[norm] = (count + number, total + number * mean, squares + number * (variance + mean.square()))


def _store(norm: _BatchNorm, count: int, total: torch.Tensor, squares: torch.Tensor) -> None:
    mean = total / count
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_((squares - count * mean.square()).clamp_min(0) / max(count - 1, 1))
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.fill_(1)


def distances(
    original: nn.Module, changed: nn.Module, paths: Sequence[str], batches: Sequence[Arguments]
) -> Mapping[str, float]:
    """|changed - original| / |original| over the batches, of what each layer gives; by path, "" for the whole model."""
    sums = {path: [0.0, 0.0] for path in paths}
    models = [copied(module).eval() for module in (original, changed)]
    for batch in batches:
        before, after = (_given(model, paths, batch) for model in models)
        for path in before.keys() & after.keys():
            for one, other in zip(before[path], after[path], strict=False):
                sums[path][0] += float((other.double() - one.double()).square().sum())
                sums[path][1] += float(one.double().square().sum())
    return {path: (distance / norm) ** 0.5 for path, (distance, norm) in sums.items() if norm}


def _given(model: nn.Module, paths: Sequence[str], batch: Arguments) -> dict[str, list[torch.Tensor]]:
    """What the layers at these paths give, every call of them."""
    given: dict[str, list[torch.Tensor]] = {}

    def keep(path: str, *said: Any) -> None:
        given.setdefault(path, []).extend(_tensors(said[-1]))

    layers = ((path, model.get_submodule(path)) for path in paths if path)
    handles = [layer.register_forward_hook(partial(keep, path)) for path, layer in layers]
    try:
        given[""] = _tensors(_outputs(model, batch))
    finally:
        for handle in handles:
            handle.remove()
    return given


def _tensors(value: Any) -> list[torch.Tensor]:
    leaves = (leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor))
    return [leaf.clone() for leaf in leaves if leaf.is_floating_point()]


def _outputs(module: nn.Module, batch: Arguments) -> Any:
    args, kwargs = batch
    try:
        with torch.no_grad():
            return module(*args, **kwargs)
    except Exception as error:  # whatever a user's forward raises
        raise refusal(module, batch, error) from error


def refusal(model: nn.Module, batch: Arguments, error: Exception) -> Problem:
    """The innermost layer that was running when the model raised, and what it was given."""
    failing = _failing_layer(model, batch)
    tensors = (leaf for leaf in pytree.tree_leaves(tuple(batch)) if isinstance(leaf, torch.Tensor))
    shapes = ", ".join("×".join(map(str, tensor.shape)) for tensor in tensors)
    first = next(iter(str(error).strip().splitlines()), "")
    where = f"layer `{failing}`" if failing else "the model"
    return Problem(f"{where} refuses the calibration input {shapes}: {type(error).__name__}: {first}")


def _failing_layer(model: nn.Module, batch: Arguments) -> str:
    """Runs the model again to see which layer it is; empty for the model itself, or where nothing fails."""
    args, kwargs = batch
    running: list[str] = []
    handles = []
    for path, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda *_, path=path: running.append(path)))
        handles.append(module.register_forward_hook(lambda *_: running.pop() and None))
    try:
        with torch.no_grad():
            model(*args, **kwargs)
    except Exception:  # the error that is being explained: only the running layer is wanted
        return running[-1] if running else ""
    finally:
        for handle in handles:
            handle.remove()
    return ""
