"""What may take the place of each layer: every kind at several settings, priced by the formulas that count models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from math import gcd, prod

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.advising.ranking import is_gain
from analyzer.formulas import cost_of
from analyzer.values.advice import Saving
from analyzer.values.convolution import Convolution, Linear, Proposal, Unit, along
from analyzer.values.counts import Cost
from analyzer.values.facts import ConvolutionFacts, LinearFacts, ModelFacts
from analyzer.values.graph import Op, Tensor

SHARES = (0.85, 0.72, 0.6, 0.5, 0.4, 0.3, 0.22, 0.15, 0.1)
"""Ranks are chosen so that the layer keeps about these shares of its MACs."""
MOST_KERNELS = 4
"""Spatial kernels a channel of a depthwise-separable pair."""
MOST_GROUPS = 16
WIDEST = 4608
"""Values read by one output (512 channels, 3×3) up to which their products are summed, 170 MB in double precision: of a
wider layer only the outputs' own products are, which tell a low rank of outputs and nothing else."""
ALIGNMENT = 4
"""Ranks of wide layers are multiples of this, for the vector units of processors."""
WIDE = 32


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """One thing that may take the place of one layer."""

    path: str
    kind: str
    """"low rank of outputs", "low rank of inputs", "spatial low rank", "grouped", ..."""
    setting: int
    """The rank, the groups or the kernels a channel."""
    units: tuple[Unit, ...]
    saved: Saving

    @property
    def proposal(self) -> Proposal:
        return Proposal(((self.path, self.units),))

    @property
    def label(self) -> str:
        """Kind and setting in words."""
        return f"{self.kind}, {SETTINGS[self.kind].format(self.setting)}" if SETTINGS[self.kind] else self.kind


OUTPUTS, INPUTS, SPATIAL = "low rank of outputs", "low rank of inputs", "spatial low rank"
GROUPED, DILATED = "grouped", "dilated"
DEPTHWISE_FIRST, POINTWISE_FIRST = "depthwise then pointwise", "pointwise then depthwise"
SETTINGS = {
    **dict.fromkeys((OUTPUTS, INPUTS, SPATIAL), "rank {}"),
    GROUPED: "{} groups",
    DILATED: "",
    **dict.fromkeys((DEPTHWISE_FIRST, POINTWISE_FIRST), "kernels a channel: {}"),
}
"""The setting of each kind in words."""

Alternatives = Iterator[tuple[str, int, tuple[Unit, ...]]]


def choices(facts: ModelFacts, linears: Iterable[str]) -> tuple[LayerChoice, ...]:
    """All that saves something in a convolution that does nothing else, or in one of the linear layers named."""
    named = set(linears)
    convolutions = (_of_convolution(layer, facts) for layer in facts.convolutions.values() if not reason_against(layer))
    products = (_of_linear(layer) for layer in facts.linears if layer.path in named)
    return tuple(choice for choice in chain(*convolutions, *products) if is_gain(choice.saved))


def reason_against(layer: ConvolutionFacts) -> str:
    """Why nothing may take the place of a convolution, as the end of a sentence; empty where something may."""
    if not layer.path:
        return "it is the model itself"
    if not layer.is_plain:
        return "it does more than one zero-padded convolution with weights of its own"
    return "" if layer.convolution.is_dense else "its groups keep apart what every replacement would mix"


def _of_convolution(layer: ConvolutionFacts, facts: ModelFacts) -> Iterator[LayerChoice]:
    conv = replace(layer.convolution, batch=1, input_size=())
    is_narrow = conv.in_channels * prod(conv.kernel) <= WIDEST
    makers = KINDS if is_narrow and not conv.transposed else (_low_rank_of_outputs,)
    for kind, setting, units in chain.from_iterable(make(conv, layer, facts) for make in makers):
        proposal = Proposal(((layer.path, units),))
        saved = current_price(proposal, facts).saved(proposed_price(proposal, facts))
        yield LayerChoice(layer.path, kind, setting, units, saved)


def _ranks(cost_of_one: float, whole: float, most: int) -> list[int]:
    """Ranks at which `rank · cost_of_one` is about each share of the whole."""
    step = ALIGNMENT if most >= WIDE else 1
    wanted = {max(step, round(share * whole / cost_of_one / step) * step) for share in SHARES}
    return sorted(rank for rank in wanted if rank < most)


def _low_rank_of_outputs(conv: Convolution, *_: object) -> Alternatives:
    """k×k to r channels, then 1×1: the outputs lie near a space of r dimensions.

    Of a transposed convolution MACs are counted an input position, of which each gives `stride` output positions.
    """
    whole = prod(conv.kernel) * conv.in_channels
    positions = prod(conv.stride) if conv.transposed else 1
    for rank in _ranks(whole + conv.out_channels * positions, whole * conv.out_channels, conv.out_channels):
        first = replace(conv, out_channels=rank, bias=False)
        yield OUTPUTS, rank, (first, _pointwise(conv, rank, conv.out_channels, conv.bias))


def _low_rank_of_inputs(conv: Convolution, *_: object) -> Alternatives:
    """1×1 to r channels, then k×k."""
    if conv.is_pointwise:
        return
    area, strides = prod(conv.kernel), prod(conv.stride)
    each = conv.in_channels * strides + area * conv.out_channels
    for rank in _ranks(each, area * conv.in_channels * conv.out_channels, conv.in_channels):
        yield INPUTS, rank, (_pointwise(conv, conv.in_channels, rank, False), replace(conv, in_channels=rank))


def _spatial(conv: Convolution, *_: object) -> Alternatives:
    """k×1 to r channels, then 1×k."""
    if conv.dimension != 2 or min(conv.kernel) == 1:
        return
    high, wide = conv.kernel
    each = high * conv.in_channels * conv.stride[1] + wide * conv.out_channels
    most = min(high * conv.in_channels, wide * conv.out_channels)
    for rank in _ranks(each, high * wide * conv.in_channels * conv.out_channels, most):
        column = replace(along(conv, (0,)), out_channels=rank, bias=False)
        yield SPATIAL, rank, (column, replace(along(conv, (1,)), in_channels=rank))


def _grouped(conv: Convolution, layer: ConvolutionFacts, facts: ModelFacts) -> Alternatives:
    """Fewer channels for each output; where groups of neighbours meet, another layer must mix them."""
    around = [facts.convolutions[path].convolution for path in (*layer.sources, *layer.readers)]
    if any(other.groups > 1 for other in around) or layer.is_head:
        return
    divisor = gcd(conv.in_channels, conv.out_channels)
    for groups in (2, 4, 8, 16):
        if divisor % groups == 0 and divisor > groups <= MOST_GROUPS:
            yield GROUPED, groups, (replace(conv, groups=groups),)


def _dilated(conv: Convolution, *_: object) -> Alternatives:
    """3×3 taps that reach as far as a larger odd kernel."""
    if min(conv.kernel) < 5 or any(size % 2 == 0 for size in conv.kernel) or set(conv.dilation) != {1}:
        return
    if all((size // 2) % stride or stride == 1 for size, stride in zip(conv.kernel, conv.stride, strict=True)):
        taps, apart = (3,) * conv.dimension, tuple(size // 2 for size in conv.kernel)
        yield DILATED, 0, (replace(conv, kernel=taps, dilation=apart),)


def _depthwise_first(conv: Convolution, *_: object) -> Alternatives:
    """Several kernels for each input channel, then 1×1 (network decoupling)."""
    for kernels in _kernels(conv):
        middle = conv.in_channels * kernels
        depthwise = replace(conv, out_channels=middle, groups=conv.in_channels, bias=False)
        yield DEPTHWISE_FIRST, kernels, (depthwise, _pointwise(conv, middle, conv.out_channels, conv.bias))


def _pointwise_first(conv: Convolution, *_: object) -> Alternatives:
    """1×1 to several maps for each output channel, then a kernel for each."""
    for kernels in _kernels(conv):
        middle = conv.out_channels * kernels
        depthwise = replace(conv, in_channels=middle, groups=conv.out_channels)
        yield POINTWISE_FIRST, kernels, (_pointwise(conv, conv.in_channels, middle, False), depthwise)


def _kernels(conv: Convolution) -> range:
    """Nothing to separate in a pointwise layer, nor where every input has one channel."""
    return range(1, 1 if conv.is_pointwise or conv.in_channels == 1 else min(MOST_KERNELS, prod(conv.kernel)) + 1)


def _pointwise(conv: Convolution, inputs: int, outputs: int, bias: bool) -> Convolution:
    one = replace(along(conv, ()), transposed=False, output_padding=())
    return replace(one, in_channels=inputs, out_channels=outputs, bias=bias)


KINDS: tuple[Callable[[Convolution, ConvolutionFacts, ModelFacts], Alternatives], ...] = (
    *(_low_rank_of_outputs, _low_rank_of_inputs, _spatial, _grouped, _dilated, _depthwise_first, _pointwise_first),
)


def _of_linear(layer: LinearFacts) -> Iterator[LayerChoice]:
    """Two products in a row in the place of one."""
    inputs, outputs = layer.in_features, layer.out_features
    bias = layer.params > inputs * outputs
    rows = layer.macs // (inputs * outputs)
    before = _price(Linear(inputs, outputs, bias), rows)
    for rank in _ranks(inputs + outputs, inputs * outputs, min(inputs, outputs)):
        units = (Linear(inputs, rank, False), Linear(rank, outputs, bias))
        after = [_price(unit, rows) for unit in units]
        saved = Saving(before.params - sum(p.params for p in after), before.macs - sum(p.macs for p in after))
        yield LayerChoice(layer.path, OUTPUTS, rank, units, saved)


def _price(unit: Linear, rows: int) -> Saving:
    """Parameters and MACs of one linear layer on so many rows, by the formula of its operator."""
    weight = Tensor((unit.out_features, unit.in_features))
    op = Op(
        "aten.linear.default",
        {"input": Tensor((rows, unit.in_features)), "weight": weight, "bias": None},
        (Tensor((rows, unit.out_features)),),
    )
    return Saving(unit.params, (cost_of(op) or Cost()).macs)
