"""Layers taken out of the running model with the input that reaches them there, and proposals put in their place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from analyzer.measuring.benchmark_model import BenchmarkModel, laid_out
from analyzer.rewriting.constructors import module_of
from analyzer.rewriting.swapping import places_of, put, replaceable
from analyzer.tracing.containers import leaves, map_leaves, shapes

if TYPE_CHECKING:
    from analyzer.values.convolution import Proposal

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SubmoduleCall:
    """A layer and the arguments of its first call."""

    layer: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def __call__(self) -> object:
        return self.layer(*self.args, **self.kwargs)

    @property
    def writes_its_input(self) -> bool:
        """Whether a run alters what it reads: then a second run would not read the same."""
        with torch.inference_mode(False), torch.no_grad():
            # Tensors of inference mode do not count how often they are written.
            args, kwargs = _kept(self.args), _kept(dict(self.kwargs))
            before = _versions((args, kwargs))
            self.layer(*args, **kwargs)
            return _versions((args, kwargs)) != before


def _kept(tree: Any) -> Any:
    return map_leaves(tree, lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf)


def _versions(tree: Any) -> list[int]:
    return [leaf._version for _, leaf in leaves(tree) if isinstance(leaf, torch.Tensor)]


@dataclass(frozen=True)
class Piece:
    """Calls of several layers, one after the other, each on its own fixed input."""

    calls: tuple[SubmoduleCall, ...]

    def __call__(self) -> None:
        for call in self.calls:
            call()


def calls_at(place: BenchmarkModel, paths: Collection[str]) -> dict[str, SubmoduleCall]:
    """By path, the first call of each layer in one forward, with copies of what it was given."""
    return _caught(place, {path: place.module.get_submodule(path) for path in paths}, lambda *_: True)


def calls_that_differ(
    place: BenchmarkModel, replaced: Collection[str], usual: Mapping[str, Shapes]
) -> dict[str, SubmoduleCall]:
    """The calls at these paths, and of each innermost layer that does not read its usual shapes."""
    layers = _innermost(place.module) | {path: place.module.get_submodule(path) for path in replaced}

    def differs(path: str, given: Any) -> bool:
        return path in replaced or (path in usual and shapes(given) != usual[path])

    return _caught(place, layers, differs)


def shapes_at(place: BenchmarkModel) -> dict[str, Shapes]:
    """By path, what each innermost layer reads in its first call."""
    found: dict[str, Shapes] = {}

    def note(path: str, given: Any) -> bool:
        found.setdefault(path, shapes(given))
        return False

    _caught(place, _innermost(place.module), note)
    return found


def _innermost(module: nn.Module) -> dict[str, nn.Module]:
    return {path: layer for path, layer in module.named_modules() if not any(layer.children())}


def _caught(
    place: BenchmarkModel, layers: Mapping[str, nn.Module], wanted: Callable[[str, Any], bool]
) -> dict[str, SubmoduleCall]:
    """One forward, and of it the first calls that are wanted."""
    found: dict[str, SubmoduleCall] = {}
    handles = [_catch(layer, path, found, wanted) for path, layer in layers.items()]
    try:
        place.forward()
    finally:
        for handle in handles:
            handle.remove()
    return found


def _catch(layer: nn.Module, path: str, found: dict[str, SubmoduleCall], wanted: Callable[[str, Any], bool]) -> Any:
    seen: list[bool] = []

    def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
        if not seen and wanted(path, (args, kwargs)):
            found[path] = SubmoduleCall(module, _kept(args), _kept(kwargs))
        seen.append(True)

    return layer.register_forward_pre_hook(hook, with_kwargs=True)


@dataclass(frozen=True)
class TimedSwap:
    """Proposals that can be put into the workplace's model and taken out of it again."""

    place: BenchmarkModel
    old: Mapping[str, nn.Module]
    new: Mapping[str, nn.Module]

    @classmethod
    def of(cls, place: BenchmarkModel, proposals: Sequence[Proposal]) -> TimedSwap:
        """Problem where a layer cannot be replaced; the new layers have fresh weights."""
        old = replaceable(place.module, proposals)
        wanted = (pair for proposal in proposals for pair in proposal.replacements)
        with torch.inference_mode(False):
            new = {path: laid_out(module_of(units, old[path]), place.settings) for path, units in wanted}
        return cls(place, old, new)

    @contextmanager
    def inserted(self) -> Iterator[None]:
        """The model with the proposals in it while the block runs, and as it was afterwards."""
        whole = self.place.module
        places = {path: list(places_of(whole, path)) for path in self.old}
        try:
            self.place.module = put(whole, self.new)
            yield
        finally:
            self.place.module = whole
            for path, parents in places.items():
                for parent, name in parents:
                    parent._modules[name] = self.old[path]


def before_and_after(
    place: BenchmarkModel, proposal: Proposal, usual: Mapping[str, Shapes]
) -> tuple[dict[str, SubmoduleCall], dict[str, SubmoduleCall]]:
    """The layers that a proposal changes, by path, as they are and as they would be, each with what reaches it.

    A layer changes when it is replaced, or when what reaches it has not its usual shape, as `shapes_at` told before.
    Problem where one cannot be replaced.
    """
    replaced = [path for path, _ in proposal.replacements]
    with TimedSwap.of(place, [proposal]).inserted():
        then = calls_that_differ(place, replaced, usual)
    now = calls_at(place, list(then))
    return now, {path: then[path] for path in now}
