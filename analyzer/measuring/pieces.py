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
    found: dict[str, Call] = {}
    handles = [_catch(place.module.get_submodule(path), path, found) for path in paths]
    try:
        place.forward()
    finally:
        for handle in handles:
            handle.remove()
    return found


def _catch(layer: nn.Module, path: str, found: dict[str, Call]) -> Any:
    def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
        if path not in found:
            found[path] = Call(module, _kept(args), _kept(kwargs))

    return layer.register_forward_pre_hook(hook, with_kwargs=True)


def shapes_at(place: Workplace) -> dict[str, Shapes]:
    """By path, what each innermost layer reads in one forward."""
    found: dict[str, Shapes] = {}

    def note(path: str) -> Callable[..., None]:
        return lambda _, args, kwargs: found.update({path: shapes((args, kwargs))})

    innermost = [(path, layer) for path, layer in place.module.named_modules() if not any(layer.children())]
    handles = [layer.register_forward_pre_hook(note(path), with_kwargs=True) for path, layer in innermost]
    try:
        place.forward()
    finally:
        for handle in handles:
            handle.remove()
    return found


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


def before_and_after(place: Workplace, proposal: Proposal) -> tuple[dict[str, Call], dict[str, Call]]:
    """The layers that a proposal changes, by path, as they are and as they would be, each with what reaches it.

    A layer changes when it is replaced, or when what reaches it has another shape. Problem where one cannot be.
    """
    replaced = [path for path, _ in proposal.replacements]
    now = shapes_at(place)
    with Swap.of(place, [proposal]).inserted():
        then = shapes_at(place)
        moved = [path for path in now if path in then and now[path] != then[path]]
        paths = list(dict.fromkeys([*replaced, *moved]))
        after = calls_at(place, paths)
    return calls_at(place, paths), after
