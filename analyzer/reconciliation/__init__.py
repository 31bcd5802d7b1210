"""What other counters say of a forward, asked or predicted by their conventions, and why it differs from ours."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.loading.wrappers import unwrapped
from analyzer.reconciliation.calflops_functions import printed_by_calflops
from analyzer.reconciliation.contributions import (
    ATTENTION,
    FAMILIES,
    Contribution,
    Unpredictable,
    family_of,
    predicted,
)
from analyzer.reconciliation.deepspeed_functions import printed_by_deepspeed
from analyzer.reconciliation.module_trees import positional, refuse_fused_attention, refuse_unnamed
from analyzer.reconciliation.ptflops_modules import printed_by_ptflops
from analyzer.reconciliation.ptflops_operators import printed_by_ptflops_aten
from analyzer.reconciliation.thop_modules import printed_by_thop
from analyzer.reconciliation.torchinfo_layers import printed_by_torchinfo
from analyzer.reconciliation.torchprofile_graph import printed_by_torchprofile
from analyzer.tracing import backends
from analyzer.tracing.calls import ForwardCalls, calls_of
from analyzer.tracing.containers import map_leaves
from analyzer.tracing.left_as_found import left_as_found
from analyzer.values.counts import Cost, Uncounted
from analyzer.values.errors import one_line
from analyzer.values.graph import Op, Trace
from analyzer.values.results import FamilyDifference, SecondOpinion

PREDICTED: Mapping[str, Callable[[ForwardCalls], tuple[int, list[Contribution]]]] = {
    "ptflops 0.7.5 (pytorch)": printed_by_ptflops,
    "thop 0.1.1": printed_by_thop,
    "torchinfo 1.8.0": printed_by_torchinfo,
    "calflops 0.3.2": printed_by_calflops,
    "DeepSpeed 0.19.8": printed_by_deepspeed,
}
"""By the version whose conventions were read; what is told from the calls of a forward in evaluation."""
BY_OPERATORS, BY_GRAPH = "ptflops 0.7.5 (aten)", "torchprofile 0.1.0"
PUBLISHED_DECIMALS = 3
Skipping = tuple[Counter[str], list[Uncounted]]
"""MACs by family, and the contractions that are not among them."""


def reconcile(loaded: LoadedModel, trace: Trace, costs: Mapping[Op, Cost | None]) -> tuple[SecondOpinion, ...]:
    """The numbers of other counters for the forward that was traced; one that fails says why."""
    inputs = loaded.candidates[trace.candidate]
    ours = _by_family((op.packet, cost.macs) for op, cost in costs.items() if cost is not None)
    with left_as_found(loaded), warnings.catch_warnings(action="ignore"):
        opinions = (
            _opinion(f"torch {version('torch')} FlopCounterMode", ours, lambda: _by_torch(loaded, inputs)),
            _opinion(f"fvcore {version('fvcore')}", ours, lambda: _by_fvcore(loaded, inputs)),
        )
    published = _published(loaded)
    return (*opinions, *_predictions(loaded, trace, costs), *([published] if published else []))


def _predictions(loaded: LoadedModel, trace: Trace, costs: Mapping[Op, Cost | None]) -> Iterator[SecondOpinion]:
    """What each counter would print; none of them is run, or needs to be there."""
    try:
        calls = calls_of(unwrapped(loaded), trace.mode, trace.candidate)
    except Exception as error:  # the same forward in evaluation may raise anything
        reason = f"the forward fails in evaluation: {one_line(error)}"
        names = (BY_OPERATORS, *PREDICTED, BY_GRAPH)
        yield from (SecondOpinion(name, None, reason=reason, predicted=True) for name in names)
        return
    others = {BY_OPERATORS: _by_operators(loaded, trace), BY_GRAPH: _by_graph(loaded, trace)}
    for name, printed in sorted({**PREDICTED, **others}.items()):
        try:
            yield predicted(name, *printed(calls), trace, costs, by_layer=name != BY_GRAPH)
        except Unpredictable as cause:
            yield SecondOpinion(name, None, reason=str(cause), predicted=True)
        except Exception as error:  # where its formulas do not fit the call, it fails as well
            yield SecondOpinion(name, None, reason=f"it fails on this model: {one_line(error)}", predicted=True)


def _by_operators(loaded: LoadedModel, trace: Trace) -> Callable[[ForwardCalls], tuple[int, list[Contribution]]]:
    def printed(calls: ForwardCalls) -> tuple[int, list[Contribution]]:
        if loaded.module.training:
            raise Unpredictable("it evaluates the model, which was traced in training mode")
        refuse_fused_attention(calls.root)
        refuse_unnamed(calls.root, calls.args, calls.kwargs)
        return printed_by_ptflops_aten(trace)

    return printed


def _by_graph(loaded: LoadedModel, trace: Trace) -> Callable[[ForwardCalls], tuple[int, list[Contribution]]]:
    """A TorchScript trace of the model with values, in its own mode."""

    def printed(calls: ForwardCalls) -> tuple[int, list[Contribution]]:
        refuse_fused_attention(calls.root)
        inputs = loaded.candidates[trace.candidate]
        with left_as_found(loaded), warnings.catch_warnings(action="ignore"), backends.REAL.module(loaded) as module:
            args, kwargs = _arguments(inputs, module, backends.REAL)
            return printed_by_torchprofile(module, positional(module, args, kwargs))

    return printed


def _by_family(counts: Iterable[tuple[str, int]]) -> Counter[str]:
    families: Counter[str] = Counter()
    for name, count in counts:
        if count:
            families[family_of(name)] += count
    return families


def _opinion(counter: str, ours: Counter[str], count: Callable[[], Skipping]) -> SecondOpinion:
    try:
        theirs, skipped = count()
    except Exception as error:  # another counter may raise anything: the error is its answer
        return SecondOpinion(counter, None, reason=one_line(error))
    families = [family for family in sorted(ours | theirs) if ours[family] != theirs[family]]
    differences = tuple(FamilyDifference(family, theirs[family], ours[family]) for family in families)
    return SecondOpinion(counter, sum(theirs.values()), differences, tuple(skipped))


def _by_torch(loaded: LoadedModel, inputs: Inputs) -> Skipping:
    """On meta tensors, where no fused operator hides its work; 2 FLOPs a MAC."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with backends.META.module(loaded) as module, torch.no_grad():
        args, kwargs = _arguments(inputs, module, backends.META)
        with counter:
            module(*args, **kwargs)
    counts = counter.get_flop_counts().get("Global", {})
    return _by_family((str(name), flops // 2) for name, flops in counts.items()), []


def _by_fvcore(loaded: LoadedModel, inputs: Inputs) -> Skipping:
    """On real tensors, the only ones that it can trace; 1 of its flops a MAC, normalization included."""
    from fvcore.nn import FlopCountAnalysis

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    with backends.REAL.module(loaded) as module:
        args, kwargs = _arguments(inputs, module, backends.REAL)
        try:
            given = positional(module, args, kwargs)
        except Unpredictable as error:
            raise TypeError("it takes positional arguments only") from error
        analysis = FlopCountAnalysis(module, given).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        counts, skipped = analysis.by_operator(), analysis.unsupported_ops()
    unknown = sorted(name for name in skipped if name.removeprefix("aten::").startswith(FAMILIES[ATTENTION]))
    uncounted = [Uncounted(name, skipped[name], (), "") for name in unknown]
    return _by_family((name, int(flops)) for name, flops in counts.items()), uncounted


def _arguments(inputs: Inputs, module: nn.Module, backend: backends.Backend) -> tuple[tuple[Any, ...], dict[str, Any]]:
    def make(leaf: torch.Tensor | InputSpec) -> Any:
        return backend.make_input(leaf, module)

    return map_leaves(tuple(inputs.args), make), map_leaves(dict(inputs.kwargs), make)


def _published(loaded: LoadedModel) -> SecondOpinion | None:
    """What torchvision prints for its own weights, in GMACs to three decimals."""
    zoo, _, name = loaded.target.partition(":")
    if zoo != "torchvision":
        return None
    from torchvision.models import get_model_weights

    weights = next(iter(get_model_weights(name)), None)
    if weights is None:
        return None
    macs = round(weights.meta["_ops"] * 1e9)
    return SecondOpinion(f"torchvision {weights}", macs, decimals=PUBLISHED_DECIMALS)
