"""What a counter adds up, part by part, and how that differs from what the analyzer counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Trace
from analyzer.values.results import FamilyDifference, SecondOpinion

CONVOLUTION, PRODUCTS, ATTENTION, RECURRENT = "convolution", "matrix products", "attention", "recurrent layers"
BIAS, NORMALIZATION, ACTIVATIONS, POOLING = "bias", "normalization", "activations", "pooling"
SOFTMAX, UPSAMPLING, ELEMENTWISE = "softmax", "upsampling", "elementwise"
AVERAGING = "averaging"
CONTRACTIONS = {CONVOLUTION, PRODUCTS, ATTENTION, RECURRENT}
FAMILIES = {
    CONVOLUTION: ("aten.convolution", "conv", "torchvision.deform_conv2d"),
    PRODUCTS: ("aten.mm", "aten.addmm", "aten.bmm", "aten.baddbmm", "aten.mv", "linear", "matmul", "einsum"),
    ATTENTION: ("aten.scaled_dot_product_attention", "aten._scaled_dot_product", "scaled_dot_product_attention"),
    RECURRENT: ("aten.lstm", "aten.gru", "aten.rnn", "lstm"),
    NORMALIZATION: ("batch_norm", "layer_norm", "group_norm", "instance_norm"),
}
"""Families by what operators' names begin with, in all three vocabularies."""


class Unpredictable(Exception):
    """Raised where what a counter prints does not follow from the calls of a forward; the message says why."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a counter adds for one call, in its own unit of MACs; a fraction where it divides."""

    family: str
    path: str
    """Of the layer that it is added for."""
    macs: float


def family_of(operator: str) -> str:
    """The family of an operator, under its name in any of the vocabularies."""
    return next((family for family, names in FAMILIES.items() if operator.startswith(names)), f"others ({operator})")


def predicted(
    counter: str,
    printed: int,
    parts: Iterable[Contribution],
    trace: Trace,
    costs: Mapping[Op, Cost | None],
    by_layer: bool = True,
) -> SecondOpinion:
    """The number that a counter prints, with differences by family, and by class of layer, that add up to it less ours.

    What remains between the parts and the printed number is what the counter divides or rounds at the end.
    """
    kinds = {module.path: module.kind for module in trace.modules} if by_layer else {}
    theirs = _sums((part.family, kinds.get(part.path, ""), part.macs) for part in parts)
    counted = ((op, cost.macs) for op, cost in costs.items() if cost is not None and cost.macs)
    ours = _sums((family_of(op.packet), kinds.get(op.layer, ""), macs) for op, macs in counted)
    found = [
        FamilyDifference(key[0], round(theirs[key]), round(ours[key]), key[1])
        for key in sorted(theirs | ours)
        if round(theirs[key]) != round(ours[key])
    ]
    rest = printed - round(sum(ours.values())) - sum(item.theirs - item.ours for item in found)
    found += [FamilyDifference(AVERAGING, rest, 0)] if rest else []
    ordered = sorted(found, key=lambda item: -abs(item.theirs - item.ours))
    return SecondOpinion(counter, printed, tuple(ordered), predicted=True)


def _sums(parts: Iterable[tuple[str, str, float]]) -> Counter[tuple[str, str]]:
    """By family, and for contractions by class of layer as well."""
    sums: Counter[tuple[str, str]] = Counter()
    for family, kind, macs in parts:
        if macs:
            sums[family, kind if family in CONTRACTIONS else ""] += macs  # type: ignore[assignment]
    return sums
