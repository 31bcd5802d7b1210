"""Copies of a model that share its tensors, what passes through their layers, and layers put in for a while."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

from analyzer.fitting.layer_choices import WIDEST
from analyzer.fitting.moments import Moments, outputs, patches, width
from analyzer.rewriting.recalibrating import refusal
from analyzer.rewriting.swapping import put
from analyzer.values.errors import Problem


class Batch(NamedTuple):
    """Arguments of one forward call."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor in it."""
        return (leaf for leaf in pytree.tree_leaves(tuple(self)) if isinstance(leaf, Tensor))

    def through(self, model: nn.Module) -> Any:
        """What the model makes of it; Problem, naming the layer, when it refuses."""
        try:
            with torch.no_grad():
                return model(*self.args, **self.kwargs)
        except Exception as error:  # whatever a user's forward raises
            raise refusal(model, self, error) from error


class Runs(Protocol):
    """A forward call that can be made of any model of the same modules."""

    def through(self, model: nn.Module) -> Any: ...


Batches = Sequence[Batch]


def sharing_copy(model: nn.Module) -> nn.Module:
    """A copy in eval mode whose modules are its own and whose tensors are the model's: it takes no memory."""
    tensors = [*model.parameters(), *model.buffers()]
    try:
        return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors}).eval()
    except Exception as error:
        raise Problem(f"{type(model).__name__} cannot be copied ({error}), so it cannot be rewritten") from error


def own_statistics(model: nn.Module) -> None:
    """Give the batch normalizations of a copy buffers of their own, to be changed without changing the model's."""
    for norm in norms(model):
        for name, buffer in norm.named_buffers(recurse=False):
            setattr(norm, name, buffer.clone())


def norms(model: nn.Module) -> Iterator[_BatchNorm]:
    """The batch normalizations with stored statistics."""
    for module in model.modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            yield module


def use_batch_statistics(model: nn.Module) -> None:
    """Normalize by each batch and keep what is stored: whatever is read, activations are as they were in training."""
    own_statistics(model)
    for norm in norms(model):
        norm.train()
        norm.momentum = 0.0


@contextmanager
def swapped(model: nn.Module, path: str, layer: nn.Module) -> Iterator[None]:
    """The model with another layer at that path for a while."""
    old = model.get_submodule(path)
    put(model, {path: layer})
    try:
        yield
    finally:
        put(model, {path: old})


Hook = Callable[[nn.Module, tuple[Any, ...], Any], None]
"""Called after a layer with the layer, its positional arguments and its output."""


class Enough(BaseException):
    """Raised in a hook once all that is wanted has been seen; no user code catches it."""


def _run_until_seen(model: nn.Module, run: Runs, hooks: Mapping[str, Hook], calls: int) -> None:
    """Run with forward hooks at these paths and stop once they were called so often."""
    seen = 0

    def hooked(function: Hook) -> Hook:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            nonlocal seen
            function(module, args, output)
            seen += 1
            if seen == calls:
                raise Enough

        return hook

    handles = [model.get_submodule(path).register_forward_hook(hooked(function)) for path, function in hooks.items()]
    try:
        run.through(model)
    except Enough:
        pass
    finally:
        for handle in handles:
            handle.remove()


class Side(NamedTuple):
    """A model and the calls to make of it."""

    model: nn.Module
    runs: Sequence[Runs]


def gathered(
    changed: Side, calls: Mapping[str, int], rows: int, original: Side | None = None, keeps: bool = False
) -> dict[str, Moments]:
    """By layer, what it reads in the changed model beside what it gives in the original, or itself without one.

    `calls` says how often a forward calls each layer, `rows` how many positions to take in all. A layer that is
    known by its outputs has those in the place of what it reads. `keeps` also keeps the rows of the other ones.
    """
    sums: dict[str, Moments] = {}
    each = rows // len(changed.runs) + 1
    for place, run in enumerate(changed.runs):
        wanted = None if original is None else _targets(original.model, calls, original.runs[place])
        hooks = {path: _adding(path, sums, each, wanted, keeps) for path in calls}
        _run_until_seen(changed.model, run, hooks, sum(calls.values()))
    return sums


Targets = dict[str, list[Tensor]]


def _targets(model: nn.Module, calls: Mapping[str, int], run: Runs) -> Targets:
    found: Targets = {path: [] for path in calls}

    def keep(path: str) -> Hook:
        return lambda _layer, _args, output: found[path].append(output)

    _run_until_seen(model, run, {path: keep(path) for path in calls}, sum(calls.values()))
    return found


def _adding(path: str, sums: dict[str, Moments], rows: int, known: Targets | None, keeps: bool) -> Hook:
    """A hook that adds what a layer reads, and its outputs or the known targets, to the layer's sums."""

    def add(layer: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        target = output if known is None else known[path].pop(0)
        by_outputs = is_known_by_outputs(layer)
        if by_outputs:
            x, y = outputs(output, layer, rows), outputs(target, layer, rows)
        else:
            x, y = patches(layer, args[0], target, rows)
        if path not in sums:
            sums[path] = Moments(x.shape[1], y.shape[1], x.device, known is None, keeps and not by_outputs)
        sums[path].add(x, y)

    return add


def is_known_by_outputs(layer: nn.Module) -> bool:
    """Whether its outputs alone are summed: it reads too many values for their products, or is transposed."""
    return width(layer) > WIDEST or getattr(layer, "transposed", False)
