"""Calls of single submodules on the inputs they get inside the model, before and after a proposal is put in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from analyzer.measuring.benchmark_model import BenchmarkModel, laid_out
from analyzer.rewriting.constructors import module_of
from analyzer.rewriting.eligibility import replaceable
from analyzer.rewriting.module_places import places_of
from analyzer.rewriting.swapping import put
from analyzer.tracing.containers import leaves, map_leaves, shapes

if TYPE_CHECKING:
    from analyzer.values.convolution import Proposal

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SubmoduleCall:
    """A submodule and copies of the arguments of its first call in a forward."""

    layer: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def __call__(self) -> object:
        return self.layer(*self.args, **self.kwargs)

    @property
    def writes_its_input(self) -> bool:
        """Whether the call changes its arguments in place: a second run would then read other values."""
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
class CallSequence:
    """Calls of several submodules, one after the other, each on its own fixed input."""

    calls: tuple[SubmoduleCall, ...]

    def __call__(self) -> None:
        for call in self.calls:
            call()


def calls_at(benchmark: BenchmarkModel, paths: Collection[str]) -> dict[str, SubmoduleCall]:
    """Path to the first call of each of these submodules in one forward."""
    return _caught(benchmark, {path: benchmark.module.get_submodule(path) for path in paths}, lambda *_: True)


def calls_that_differ(
    benchmark: BenchmarkModel, replaced: Collection[str], usual: Mapping[str, Shapes]
) -> dict[str, SubmoduleCall]:
    """The calls at these paths, and of each submodule without children whose input shapes are not the usual ones."""
    layers = _innermost(benchmark.module) | {path: benchmark.module.get_submodule(path) for path in replaced}

    def differs(path: str, given: Any) -> bool:
        within = any(path.startswith(f"{own}.") for own in replaced)
        return path in replaced or (not within and path in usual and shapes(given) != usual[path])

    return _caught(benchmark, layers, differs)


def shapes_at(benchmark: BenchmarkModel) -> dict[str, Shapes]:
    """Path to the input shapes of each submodule without children, in its first call."""
    found: dict[str, Shapes] = {}

    def note(path: str, given: Any) -> bool:
        found.setdefault(path, shapes(given))
        return False

    _caught(benchmark, _innermost(benchmark.module), note)
    return found


def _innermost(module: nn.Module) -> dict[str, nn.Module]:
    return {path: layer for path, layer in module.named_modules() if not any(layer.children())}


def _caught(
    benchmark: BenchmarkModel, layers: Mapping[str, nn.Module], wanted: Callable[[str, Any], bool]
) -> dict[str, SubmoduleCall]:
    """Run one forward and keep the first calls that `wanted` accepts."""
    found: dict[str, SubmoduleCall] = {}
    handles = [_catch(layer, path, found, wanted) for path, layer in layers.items()]
    try:
        benchmark.forward()
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
    """Proposals that can be put into the benchmark model and taken out again."""

    benchmark: BenchmarkModel
    old: Mapping[str, nn.Module]
    new: Mapping[str, nn.Module]

    @classmethod
    def of(cls, benchmark: BenchmarkModel, proposals: Sequence[Proposal]) -> TimedSwap:
        """The new layers, with freshly initialised weights; raises Problem where a layer cannot be replaced."""
        old = replaceable(benchmark.module, proposals)
        wanted = (pair for proposal in proposals for pair in proposal.replacements)
        with torch.inference_mode(False):
            new = {
                path: laid_out(module_of(units, old[path], benchmark.module), benchmark.settings)
                for path, units in wanted
                if units  # else the module around it takes it over
            }
        return cls(benchmark, old, new)

    @contextmanager
    def inserted(self) -> Iterator[None]:
        """The model with the proposals in it while the block runs, and as it was afterwards."""
        whole = self.benchmark.module
        parents = {path: list(places_of(whole, path)) for path in self.old}
        try:
            self.benchmark.module = put(whole, self.new)
            yield
        finally:
            self.benchmark.module = whole
            for path, holders in parents.items():
                for parent, name in holders:
                    parent._modules[name] = self.old[path]


def before_and_after(
    benchmark: BenchmarkModel, proposal: Proposal, usual: Mapping[str, Shapes]
) -> tuple[dict[str, SubmoduleCall], dict[str, SubmoduleCall]]:
    """The submodules that a proposal changes, path to call, as they are now and with the proposal in place.

    A submodule changes when it is replaced, or when its input shapes differ from `usual` (as `shapes_at` gives them).
    Raises Problem where one cannot be replaced.
    """
    replaced = [path for path, units in proposal.replacements if units]
    with TimedSwap.of(benchmark, [proposal]).inserted():
        then = calls_that_differ(benchmark, replaced, usual)
    now = calls_at(benchmark, list(then))
    return now, {path: then[path] for path in now}
