"""Write a kernel as a product of smaller ones, of a rank below break-even.

## What it flags
A dense convolution with a kernel above 1.

## Why
A k×k kernel is a matrix of rank at most k · min(in_channels, out_channels) between rows and columns. Of a lower rank r
it is a k×1 convolution to r channels and a 1×k one from there: r · k · (in_channels + out_channels) weights, fewer than
before as long as r < k · in_channels · out_channels / (in_channels + out_channels).

## Example
```python
nn.Conv2d(64, 64, 3, padding=1)                          # before: 36,864 weights

nn.Sequential(                                           # after: 48 of at most 96 channels between
    nn.Conv2d(64, 48, (3, 1), padding=(1, 0), bias=False),
    nn.Conv2d(48, 64, (1, 3), padding=(0, 1)),
)
```

## What it proposes
Half the rank at which neither weights nor work would be saved, rounded down to a multiple of 8. Priced beside it:
1×1 to half the input channels, the kernel to half the output channels, 1×1 (Tucker-2, or a bottleneck), which is the
proposal itself where the kernel has a single long axis. The break-even ranks are stated, so that others can be chosen.

## What it costs
Finetuning at the least: the function changes by what the rank leaves out. With a checkpoint, choose the rank by the
singular values. Where the layer gives fewer positions than it reads, the first factor runs on more of
them and costs more: ranks count that in.

## When it stays silent
Pointwise, grouped and transposed layers, stems of up to 4 input channels, layers under 1 % of the model's parameters
and MACs, branches that are added up with nothing nonlinear between (RepVGG: merged they are one layer), ranks below 8,
layers that are not plain.

## Sources
Jaderberg et al. 2014 (spatial); Kim et al. 2016 (Tucker-2); AIMET's cost calculator (spatial SVD).
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import ceil, isqrt, prod

from analyzer.rules.rule import is_worth_restructuring
from analyzer.values.convolution import Convolution, Proposal, along
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import RuleChoice, note

CODE = "LOW101"
LEVEL = "note"
EFFORT = "retrain"
MULTIPLE = 8
"""Ranks are channel counts: kept to a multiple that fp16 vector units take."""


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:
    """Convolutions along different axes with half the break-even rank, or a bottleneck of half the channels."""
    conv = layer.convolution
    if not is_worth_restructuring(layer, model) or conv.transposed or conv.is_pointwise:
        return None
    ways = [way for way in (_spatial(layer.path, conv), _channel(layer.path, conv)) if way]
    return replace(ways[0], alternatives=tuple(ways[1:])) if ways else None


def choices(layer: ConvolutionFacts, model: ModelFacts) -> Mapping[str, Proposal]:  # noqa: ARG001
    """By the rank: every multiple of 8 below the one from which nothing is saved."""
    conv, path = layer.convolution, layer.path
    if sum(k > 1 for k in conv.kernel) < 2:
        return {}
    ranks = range(MULTIPLE, min(spatial_break_even(conv), spatial_rank(conv) + 1), MULTIPLE)
    return {str(rank): _of_rank(path, conv, rank) for rank in ranks}


def _spatial(path: str, conv: Convolution) -> Proposal | None:
    if sum(k > 1 for k in conv.kernel) < 2:
        return None
    limit = spatial_break_even(conv)
    rank = _rounded(min(limit // 2, spatial_rank(conv)))
    if not rank:
        return None
    limits = note("spatial-rank", rank=rank, break_even=limit, exact=spatial_rank(conv))
    return replace(_of_rank(path, conv, rank), notes=(limits,))


def _of_rank(path: str, conv: Convolution, rank: int) -> Proposal:
    return Proposal(((path, spatial(conv, rank)),), choice=RuleChoice("spatial-rank-{}", (rank,)))


def spatial(conv: Convolution, rank: int) -> tuple[Convolution, Convolution]:
    """Along the first long axis to `rank` channels, then along the others."""
    first, second = _halves(conv)
    return replace(first, out_channels=rank, bias=False), replace(second, in_channels=rank, bias=conv.bias)


def _halves(conv: Convolution) -> tuple[Convolution, Convolution]:
    axis = next(axis for axis, k in enumerate(conv.kernel) if k > 1)
    rest = set(range(conv.dimension)) - {axis}
    return along(conv, {axis}), along(conv, rest)


def spatial_rank(conv: Convolution) -> int:
    """The rank at which any kernel is written exactly: min(in · k1, out · k2), k1 · k2 the kernel."""
    first, second = _halves(conv)
    return min(conv.in_channels * prod(first.kernel), conv.out_channels * prod(second.kernel))


def spatial_break_even(conv: Convolution) -> int:
    """The least r that does not save both: r (k1 in S + k2 out) >= k1 k2 in out, S the positions lost after k1."""
    first, second = _halves(conv)
    whole = prod(conv.kernel) * conv.in_channels * conv.out_channels
    entry = prod(first.kernel) * conv.in_channels * _positions_lost(replace(second, input_size=first.output_size))
    return ceil(whole / (entry + prod(second.kernel) * conv.out_channels))


def _positions_lost(conv: Convolution) -> Fraction:
    """Positions read for one written; 1 where there are more afterwards, as the weights then decide."""
    return max(Fraction(1), Fraction(prod(conv.input_size), prod(conv.output_size)))


def _channel(path: str, conv: Convolution) -> Proposal | None:
    inner = _rounded(conv.in_channels // 2), _rounded(conv.out_channels // 2)
    limits = channel_break_even(conv)
    if not all(inner) or inner[0] >= limits[0] or inner[1] >= limits[1]:
        return None
    return Proposal(
        ((path, channel(conv, *inner)),),
        notes=(note("channel-ranks", ranks=inner, break_even=limits),),
        choice=RuleChoice("channel-ranks-{}-and-{}", inner),
    )


def channel(conv: Convolution, entry: int, leave: int) -> tuple[Convolution, Convolution, Convolution]:
    """1×1 to `entry` channels, the kernel to `leave` channels, 1×1 to the output channels."""
    pointwise = replace(along(conv, ()), bias=False)
    return (
        replace(pointwise, out_channels=entry),
        replace(conv, in_channels=entry, out_channels=leave, bias=False),
        replace(pointwise, in_channels=leave, bias=conv.bias),
    )


def channel_break_even(conv: Convolution) -> tuple[int, int]:
    """Ranks q in, q out that save nothing: q² K in out + q (S in² + out²) = K in out, S the positions lost."""
    ins, outs, lost = conv.in_channels, conv.out_channels, _positions_lost(conv)
    whole = prod(conv.kernel) * ins * outs * lost.denominator
    linear = lost.numerator * ins**2 + lost.denominator * outs**2
    share = Fraction(isqrt(linear**2 + 4 * whole**2) - linear, 2 * whole)
    return ceil(share * ins), ceil(share * outs)


def _rounded(rank: int) -> int:
    return rank // MULTIPLE * MULTIPLE
