"""Layers taken out of the running model with the input that reaches them there, and proposals put in their place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from analyzer.measuring.workplace import Workplace, laid_out
from analyzer.rewriting.swapping import places_of, put, replaceable
from analyzer.rewriting.units import module_of
from analyzer.tracing.shapes import leaves, map_leaves, shapes

if TYPE_CHECKING:
    from analyzer.convolution import Proposal

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Call:
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

    calls: tuple[Call, ...]

    def __call__(self) -> None:
        for call in self.calls:
            call()


def calls_at(place: Workplace, paths: Collection[str]) -> dict[str, Call]:
    """By path, the first call of each layer in one forward, with copies of what it was given."""
    return _caught(place, {path: place.module.get_submodule(path) for path in paths}, lambda *_: True)


def calls_that_differ(place: Workplace, replaced: Collection[str], usual: Mapping[str, Shapes]) -> dict[str, Call]:
    """The calls at these paths, and of each innermost layer that does not read its usual shapes."""
    layers = _innermost(place.module) | {path: place.module.get_submodule(path) for path in replaced}

    def differs(path: str, given: Any) -> bool:
        return path in replaced or (path in usual and shapes(given) != usual[path])

    return _caught(place, layers, differs)


def shapes_at(place: Workplace) -> dict[str, Shapes]:
    """By path, what each innermost layer reads in its first call."""
    found: dict[str, Shapes] = {}

    def note(path: str, given: Any) -> bool:
        found.setdefault(path, shapes(given))
        return False

    _caught(place, _innermost(place.module), note)
    return found


def _innermost(module: nn.Module) -> dict[str, nn.Module]:
    return {path: layer for path, layer in module.named_modules() if not any(layer.children())}


def _caught(place: Workplace, layers: Mapping[str, nn.Module], wanted: Callable[[str, Any], bool]) -> dict[str, Call]:
    """One forward, and of it the first calls that are wanted."""
    found: dict[str, Call] = {}
    handles = [_catch(layer, path, found, wanted) for path, layer in layers.items()]
    try:
        place.forward()
    finally:
        for handle in handles:
            handle.remove()
    return found


def _catch(layer: nn.Module, path: str, found: dict[str, Call], wanted: Callable[[str, Any], bool]) -> Any:
    seen: list[bool] = []

    def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
        if not seen and wanted(path, (args, kwargs)):
            found[path] = Call(module, _kept(args), _kept(kwargs))
        seen.append(True)

    return layer.register_forward_pre_hook(hook, with_kwargs=True)


@dataclass(frozen=True)
class Swap:
    """Proposals that can be put into the workplace's model and taken out of it again."""

    place: Workplace
    old: Mapping[str, nn.Module]
    new: Mapping[str, nn.Module]

    @classmethod
    def of(cls, place: Workplace, proposals: Sequence[Proposal]) -> Swap:
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
    place: Workplace, proposal: Proposal, usual: Mapping[str, Shapes]
) -> tuple[dict[str, Call], dict[str, Call]]:
    """The layers that a proposal changes, by path, as they are and as they would be, each with what reaches it.

    A layer changes when it is replaced, or when what reaches it has not its usual shape, as `shapes_at` told before.
    Problem where one cannot be replaced.
    """
    replaced = [path for path, _ in proposal.replacements]
    with Swap.of(place, [proposal]).inserted():
        then = calls_that_differ(place, replaced, usual)
    now = calls_at(place, list(then))
    return now, {path: then[path] for path in now}
