"""Ask fvcore, torch's own counter and torchvision's published numbers, and say why they differ from ours."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing import backends
from analyzer.tracing.containers import map_leaves
from analyzer.tracing.left_as_found import left_as_found
from analyzer.values.counts import Cost, Uncounted
from analyzer.values.errors import one_line
from analyzer.values.graph import Op, Trace
from analyzer.values.results import FamilyDifference, SecondOpinion

FAMILIES = {
    "convolution": ("aten.convolution", "conv", "torchvision.deform_conv2d"),
    "matrix products": ("aten.mm", "aten.addmm", "aten.bmm", "aten.baddbmm", "aten.mv", "linear", "matmul", "einsum"),
    "attention": ("aten.scaled_dot_product_attention", "aten._scaled_dot_product", "scaled_dot_product_attention"),
    "recurrent layers": ("aten.lstm", "aten.gru", "aten.rnn", "lstm"),
    "normalization": ("batch_norm", "layer_norm", "group_norm", "instance_norm"),
}
"""Families by what operators' names begin with, in all three vocabularies."""
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
    return (*opinions, published) if published else opinions


def _by_family(counts: Iterable[tuple[str, int]]) -> Counter[str]:
    families: Counter[str] = Counter()
    for name, count in counts:
        family = next((f for f, names in FAMILIES.items() if name.startswith(names)), f"others ({name})")
        if count:
            families[family] += count
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
        if kwargs:
            raise TypeError("it takes positional arguments only")
        analysis = FlopCountAnalysis(module, args).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        counts, skipped = analysis.by_operator(), analysis.unsupported_ops()
    unknown = sorted(name for name in skipped if name.removeprefix("aten::").startswith(FAMILIES["attention"]))
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
