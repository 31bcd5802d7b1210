"""Hold the formulas against a second trace, in which sizes are symbols."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from analyzer.scaling.fit import LatticeFit
from analyzer.scaling.stream import named, operator_difference, taken_apart, working_operators
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace
from analyzer.values.scaling import Dimension, FixedSize, SymbolicShapes

POINTS = 2
"""Random points of the lattice at which every recorded size is compared."""
MOST_OPERATORS = 3000
MOST_GUARDS = 8


class TraceInSymbols(Protocol):
    """A forward whose sizes are expressions in the sizes of its inputs."""

    @property
    def trace(self) -> Trace:
        """What was recorded; sizes may be expressions."""

    @property
    def fixed(self) -> tuple[FixedSize, ...]:
        """Sizes that torch gave one value."""

    @property
    def guards(self) -> Mapping[str, Any]:
        """Conditions on the sizes by how they read."""

    def expression(self, size: Any) -> Any:
        """A recorded size as a number or an expression that can be compared."""

    def at(self, expression: Any, sizes: Mapping[str, int]) -> Any:
        """The value of an expression, or of a guard, with the inputs' sizes by name."""


SecondTrace = Callable[[Sequence[Dimension], Mapping[str, int]], TraceInSymbols]
"""Traces with a symbol for every dimension, at hints of these sizes; Problem where torch cannot."""


def symbolic_shapes(fit: LatticeFit, trace: SecondTrace) -> SymbolicShapes:
    """Whether every size that operators recorded is the same function of the inputs' sizes in both traces."""
    try:
        _refuse_too_many(len(fit.stream.operators))
        symbolic = trace(fit.dimensions, fit.sizes(fit.base))
    except Problem as problem:
        return SymbolicShapes("failed", str(problem))
    beside = symbolic.fixed, _narrower(fit, symbolic)
    if difference := _difference(fit, symbolic):
        return SymbolicShapes("differs", difference, *beside)
    return SymbolicShapes("agrees", "", *beside)


def _refuse_too_many(operators: int) -> None:
    if operators > MOST_OPERATORS:
        raise Problem(f"it was not tried, for the forward has {operators:,} operators, more than {MOST_OPERATORS:,}")


def _difference(fit: LatticeFit, symbolic: TraceInSymbols) -> str:
    """The first operator in which the two traces are not the same; empty when there is none."""
    rows = taken_apart(working_operators(symbolic.trace))
    if difference := operator_difference(fit.stream.operators, [structure for structure, _, _ in rows]):
        return f"{difference.there} in `{difference.other_layer}` where others have {difference.here}"
    expressions = [[symbolic.expression(size) for size in recorded] for _, recorded, _ in rows]
    for steps in _random_points(fit, symbolic.fixed):
        sizes, values = fit.sizes(steps), fit.values(steps)
        known: dict[Any, Any] = {}
        for (structure, _, _), numbers, recorded in zip(rows, fit.numbers, expressions, strict=False):
            for number, size in zip(numbers, recorded, strict=True):
                if size not in known:
                    known[size] = symbolic.at(size, sizes)
                if known[size] != values[number]:
                    name, layer = named(structure)
                    return f"{name} in `{layer}` has {known[size]} where others have {values[number]}"
    return ""


def _random_points(fit: LatticeFit, fixed: Sequence[FixedSize]) -> list[list[int]]:
    """Points in the range, off those that were traced; sizes that torch fixed stay at the hint."""
    source, stay = random.Random(0), {size.name for size in fixed}
    return [
        [
            base if item.name in stay else source.randint(item.step(item.least), item.step(item.most))
            for item, base in zip(fit.dimensions, fit.base, strict=True)
        ]
        for _ in range(POINTS)
    ]


def _narrower(fit: LatticeFit, symbolic: TraceInSymbols) -> tuple[str, ...]:
    """The conditions of torch's that do not hold in all of the range."""
    ends = [fit.sizes(corner) for corner in _corners(fit)]
    rows = symbolic.guards.items()
    narrower = [text for text, guard in rows if not all(symbolic.at(guard, sizes) for sizes in ends)]
    return tuple(narrower[:MOST_GUARDS])


def _corners(fit: LatticeFit) -> list[tuple[int, ...]]:
    ends = [(item.step(item.least), item.step(item.most)) for item in fit.dimensions]
    return [*zip(*ends, strict=True)]
