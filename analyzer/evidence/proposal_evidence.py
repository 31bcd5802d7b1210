"""What a weight is asked about a proposal, by the convolutions that the proposal consists of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite, prod
from typing import TypeVar, cast

import torch
from torch import Tensor

from analyzer.evidence.batch_norm_statistics import NormStatistics, looks_untrained, rectified_moments
from analyzer.evidence.dilated_taps import kept_on, kept_taps
from analyzer.evidence.grouping import energies, in_random_places, kept_with
from analyzer.evidence.low_rank import (
    EXACT_SIDE,
    channel_bases,
    kept_by_tucker,
    matrix,
    noise_at_rank,
    noise_by_tucker,
    spectrum,
)
from analyzer.evidence.separable import NEEDED, break_even, curve, noise_curve, sampled_channels, terms_for
from analyzer.values.convolution import Convolution, Unit
from analyzer.values.notes import Evidence, NoEvidence, note

Chain = Sequence[Convolution]
Found = TypeVar("Found")
Known = dict[Hashable, object]
"""What was found of one weight, whichever change was asked about: decompositions take most of the time."""


def once(known: Known, question: Hashable, answer: Callable[[], Found]) -> Found:
    """What is known, else the answer, which is known from then on."""
    if question not in known:
        known[question] = answer()
    return cast(Found, known[question])


@dataclass(frozen=True, slots=True)
class CarryingPlan:
    """What the rewrite may do beside the layer, and how hard to look."""

    reorders_inputs: bool = True
    """The layers that write its inputs can be renumbered."""
    reorders_outputs: bool = True
    effort: float = 1.0
    """Of the search for the best groups: below 1 it is shorter, and what it finds a little less."""


ANY_ORDER = CarryingPlan()


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is there, and the convolutions proposed instead."""

    convolution: Convolution
    chain: Chain
    weight: Tensor
    """(Cout, Cin, *kernel), of a transposed convolution too."""
    scale: Tensor | None
    """√E[x²] of each input channel (Cin,), where it is known."""
    plan: CarryingPlan
    known: Known

    def curve(self, depthwise_first: bool) -> tuple[float, ...]:
        """What so many terms keep in that order."""
        return once(self.known, ("curve", depthwise_first), lambda: curve(self.weighted, depthwise_first))

    @property
    def weighted(self) -> Tensor:
        """The weight, each input channel as strong as its input."""
        return self.weight if self.scale is None else _scaled(self.weight, self.scale)

    @property
    def is_weighted(self) -> bool:
        return self.scale is not None


Question = Callable[[Case], Evidence]


def evidence_of(
    convolution: Convolution,
    units: Sequence[Unit],
    weight: Tensor,
    reads: NormStatistics | None = None,
    feeds: NormStatistics | None = None,
    plan: CarryingPlan = ANY_ORDER,
    known: Known | None = None,
) -> Evidence | NoEvidence | None:
    """What a weight of `convolution.weight_shape` says about using `units` instead; None when it says nothing.

    `reads` is the batch normalization whose output, through a ReLU, the layer reads; `feeds` the one that reads the
    layer's output. What is `known` of the weight from other proposals for the layer is not computed again, and more is
    added to it. ValueError when the weight has another shape.
    """
    if tuple(weight.shape) != convolution.weight_shape:
        raise ValueError(f"a weight of shape {tuple(weight.shape)} is not one of {convolution.weight_shape}")
    chain = [unit for unit in units if isinstance(unit, Convolution)]
    question = _question(convolution, chain)
    if question is None or weight.is_meta or not weight.is_floating_point():
        return None
    weight = weight.detach().to("cpu", torch.float32)
    weight = weight.transpose(0, 1) if convolution.transposed else weight
    known = {} if known is None else known
    silence = once(known, "silence", partial(_silence, weight, feeds))
    if silence is not None:
        return silence
    scale = once(known, "scale", partial(_scale, reads, weight))
    return question(Case(convolution, chain, weight, scale, plan, known))


def _silence(weight: Tensor, feeds: NormStatistics | None) -> NoEvidence | None:
    least, most = map(float, weight.aminmax())
    if not (isfinite(least) and isfinite(most)):
        return NoEvidence("not finite")
    if least == most == 0:
        return NoEvidence("zero")
    return NoEvidence("untrained") if looks_untrained(weight, feeds) else None


def _scale(reads: NormStatistics | None, weight: Tensor) -> Tensor | None:
    """√E[x²] of each input channel; None where that would leave nothing of the weight."""
    moments = rectified_moments(reads) if reads else None
    if moments is None or len(moments) != weight.shape[1]:
        return None
    scale = moments.sqrt().float()
    return scale if _scaled(weight, scale).any() else None


def _question(convolution: Convolution, chain: Chain) -> Question | None:
    if not convolution.is_dense:
        return None
    match len(chain):
        case 1:
            return _question_of_one(convolution, chain[0])
        case 2:
            return _question_of_two(convolution, *chain)
        case 3:
            first, core, last = chain
            plain = all(unit.is_dense for unit in chain) and first.is_pointwise and last.is_pointwise
            return _tucker if plain and core.kernel == convolution.kernel else None
    return None


def _question_of_one(convolution: Convolution, only: Convolution) -> Question | None:
    if only.groups > 1:
        return _grouping if only.kernel == convolution.kernel else None
    is_smaller = only.kernel != convolution.kernel
    return _taps if is_smaller and kept_taps(convolution, only) is not None else None


def _question_of_two(convolution: Convolution, first: Convolution, second: Convolution) -> Question | None:
    if convolution.is_pointwise:
        return _low_rank if first.is_dense and second.is_dense else None
    if second.is_pointwise and first.groups == convolution.in_channels > 1:
        return _depthwise_first
    if first.is_pointwise and second.groups == convolution.out_channels > 1:
        return _pointwise_first
    split = all({a, b} == {1, k} for a, b, k in zip(first.kernel, second.kernel, convolution.kernel, strict=True))
    return _low_rank if split and first.is_dense and second.is_dense else None


def _grouping(case: Case) -> Evidence:
    groups, plain = case.chain[0].groups, energies(case.weight)
    strength = torch.ones(plain.shape[1]) if case.scale is None else case.scale.square()
    inputs, outputs, effort = case.plan.reorders_inputs, case.plan.reorders_outputs, case.plan.effort
    kept, null = (
        kept_with(energy * strength, groups, inputs, outputs, effort) for energy in (plain, in_random_places(plain))
    )
    in_place = kept_with(plain * strength, groups, False, False)
    details = (note("kept-in-place", kept=in_place),) if inputs or outputs else ()
    change = note("grouping", groups=groups, inputs=inputs, outputs=outputs)
    return Evidence(change, kept, null, case.is_weighted, details)


def _depthwise_first(case: Case) -> Evidence:
    return _separable(case, case.chain[0].out_channels // case.convolution.in_channels, depthwise_first=True)


def _pointwise_first(case: Case) -> Evidence:
    return _separable(case, case.chain[0].out_channels // case.convolution.out_channels, depthwise_first=False)


def _separable(case: Case, terms: int, *, depthwise_first: bool) -> Evidence:
    kept, other = case.curve(depthwise_first), case.curve(not depthwise_first)
    null = noise_curve(case.weight, depthwise_first, case.scale)
    last = max(1, min(terms, len(kept))) - 1
    channels = case.weight.shape[0 if depthwise_first else 1]
    saving = break_even(channels, prod(case.convolution.kernel))
    order, reverse = ("depthwise", "pointwise") if depthwise_first else ("pointwise", "depthwise")
    details = [
        note("terms", kept=NEEDED, terms=terms_for(NEEDED, kept), most=saving),
        note("other-order", first=reverse, kept=other[min(last, len(other) - 1)]),
    ]
    if count := sampled_channels(case.weight, depthwise_first):
        details.append(note("sampled", channels=count))
    change = note("separable", first=order, terms=last + 1)
    return Evidence(change, kept[last], null[last], case.is_weighted, tuple(details))


def _taps(case: Case) -> Evidence:
    small = case.chain[0]
    taps = kept_taps(case.convolution, small) or ()
    null = prod(small.kernel) / prod(case.convolution.kernel)
    return Evidence(note("dilated", kernel=small.kernel), kept_on(case.weighted, taps), null, case.is_weighted)


def _low_rank(case: Case) -> Evidence:
    """Weights only: with inputs of unequal strength noise has another spectrum, without a closed form."""
    rank = case.chain[0].out_channels
    axes = tuple(size > 1 for size in case.chain[0].kernel)
    values = matrix(case.weight, axes)
    rows, columns = values.shape
    details = (note("estimated"),) if min(rows, columns) > EXACT_SIDE else ()
    found = once(case.known, ("spectrum", axes), partial(spectrum, values))
    kept, null = found.kept(rank), noise_at_rank(rows, columns, rank)
    return Evidence(note("rank", rank=rank), kept, null, details=details)


def _tucker(case: Case) -> Evidence:
    outputs, inputs = case.weight.shape[:2]
    ranks = min(case.chain[0].out_channels, inputs), min(case.chain[1].out_channels, outputs)
    null = noise_by_tucker(tuple(case.weight.shape), *ranks)
    bases = once(case.known, "bases", partial(channel_bases, case.weight))
    return Evidence(note("bottleneck", ranks=ranks), kept_by_tucker(case.weight, bases, *ranks), null)


def _scaled(weight: Tensor, scale: Tensor) -> Tensor:
    return weight * scale.reshape(1, -1, *(1,) * (weight.dim() - 2))
