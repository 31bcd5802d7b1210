"""Looks through what torch.compile and data parallelism put around a model, to the model that was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from torch import nn

if TYPE_CHECKING:
    from analyzer.loading.loaded_model import LoadedModel

PARALLEL = ("DataParallel", "DistributedDataParallel")
Value = TypeVar("Value")


def wrappers_of(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Each wrapper's attribute that holds the next module, with that module, from the outside in."""
    while True:
        name = "module" if type(module).__name__ in PARALLEL else "_orig_mod"
        inner = getattr(module, name, None)
        if not isinstance(inner, nn.Module):
            return
        yield name, inner
        module = inner


def inner_module(module: nn.Module) -> nn.Module:
    """The model inside all wrappers; the module itself where it has none."""
    return [module, *(inner for _, inner in wrappers_of(module))][-1]


def unwrapped(loaded: LoadedModel) -> LoadedModel:
    """The loaded model without its wrappers, whose layers then have the paths that a trace gives them."""
    names = tuple(name for name, _ in wrappers_of(loaded.module))
    if not names:
        return loaded
    prefix, build, read = ".".join(names), loaded.materialize, loaded.weights
    return replace(
        loaded,
        module=inner_module(loaded.module),
        wrappers=names,
        sources=_below(prefix, loaded.sources),
        materialize=None if build is None else lambda: inner_module(build()),
        weights=None if read is None else lambda: _below(prefix, read()),
    )


def _below(prefix: str, named: Mapping[str, Value]) -> dict[str, Value]:
    """By names within the inner model; what the outermost wrapper has stands for it where that itself has nothing."""
    return {name.removeprefix(prefix).removeprefix("."): named[name] for name in sorted(named)}
