"""Prices every operator from its shapes: multiply-accumulates of contractions, and all other FLOPs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from analyzer.formulas import (
    attention,
    convolutions,
    elementwise,
    fourier,
    loss,
    matmul,
    movement,
    normalization,
    pooling,
    quantized,
    recurrent,
    reduction,
    sampling,
    sparse,
    vision,
)
from analyzer.formulas.formula import Formula, free, merge, per_input, per_output
from analyzer.formulas.registered import BY_HAND, RegisteredFormula, ShapeFormula, made, registered
from analyzer.values.counts import Cost, UsedFormula
from analyzer.values.errors import Problem
from analyzer.values.graph import Op

Kind = Literal["free", "bounded", "contraction", "opaque"]

FAMILIES = (
    *(attention, convolutions, elementwise, fourier, loss, matmul, movement, normalization, pooling, quantized),
    *(recurrent, reduction, sampling, sparse, vision),
)
CONTRACTIONS, BOUNDED, FREE = (
    merge(*(getattr(family, kind, {}) for family in FAMILIES)) for kind in ("CONTRACTIONS", "BOUNDED", "FREE")
)
FORMULAS: dict[str, Formula] = merge(CONTRACTIONS, BOUNDED, FREE)
"""By operator without overload ("aten.convolution"); in-place variants ("aten.relu_") share the entry."""

# What torch's own tags say of an operator that no table names.
TAGGED: Mapping[str, tuple[Kind, Formula]] = {
    "view": ("free", free),
    "allocation": ("free", free),
    "pointwise": ("bounded", per_output(1)),
    "reduction": ("bounded", per_input(1)),
}


def cost_of(op: Op) -> Cost | None:
    """The work of one call; None when the operator is opaque, or its shapes do not say.

    Raises Problem when a formula of the user's raises, or returns no count.
    """
    if (own := user_formula(op)) is not None:
        return own.cost(op)
    formula = FORMULAS.get(_entry(op)) or _by_tag(op)[1]
    return formula(op) if formula is not None else None


def kind_of(op: Op) -> Kind:
    """Free by nature, bounded by its shapes, a contraction, or opaque: nothing is known of it."""
    packet = _entry(op)
    if packet in CONTRACTIONS or user_formula(op) is not None:
        return "contraction"
    if packet in BOUNDED:
        return "bounded"
    return "free" if packet in FREE else _by_tag(op)[0]


def register(operator: str, function: ShapeFormula) -> None:
    """Take the user's formula for an operator of the user's, in place of an earlier one; Problem for one of torch's."""
    formula = made(operator, function)
    refuse_known(formula.operator)
    BY_HAND[formula.operator] = formula


def refuse_known(operator: str) -> None:
    """Problem when the analyzer knows the operator, "aten.mm", itself."""
    if operator in FORMULAS:
        raise Problem(f"the analyzer has its own formula for {operator}; register one for an operator of yours")


def user_formula(op: Op) -> RegisteredFormula | None:
    """The user's formula for an operator that no table names."""
    return None if _entry(op) in FORMULAS else registered(op.packet)


def used_formulas(ops: Iterable[Op]) -> tuple[UsedFormula, ...]:
    """The users' formulas that counted these operators, by operator."""
    found = Counter(own for op in ops if (own := user_formula(op)) is not None)
    rows = (UsedFormula(own.operator, own.source, calls) for own, calls in found.items())
    return tuple(sorted(rows, key=lambda row: row.operator))


def _entry(op: Op) -> str:
    """The key in `FORMULAS`: `relu_` is looked up as `relu`, `__ior__` as it is."""
    packet = op.packet
    if packet in FORMULAS or packet.endswith("__") or not packet.endswith("_"):
        return packet
    return packet[:-1]


def _by_tag(op: Op) -> tuple[Kind, Formula | None]:
    return next((entry for tag, entry in TAGGED.items() if tag in op.tags), ("opaque", None))
