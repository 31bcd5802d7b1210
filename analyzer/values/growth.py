"""Where the part of a cost that grows quickest overtakes the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, prod

from analyzer.values.scaling import Dimension, Polynomial, Scaling

Powers = dict[int, Fraction]
"""Coefficients of a polynomial in one size, by power."""
TIED = ("height", "width")


@dataclass(frozen=True, slots=True)
class Crossover:
    """The size from which on the highest power of a size makes most of the MACs."""

    names: tuple[str, ...]
    """What grows together."""
    size: int
    power: int
    layers: tuple[str, ...]
    """Those whose work grows so."""
    others: Mapping[str, int]
    """The sizes that stay as in the example."""


def growth_crossovers(scaling: Scaling) -> Iterator[Crossover]:
    """For every size, and for height and width together, where more than proportional work overtakes the rest."""
    for names in together(scaling.dimensions):
        powers = along(scaling.macs, scaling.dimensions, names)
        highest = max(powers, default=0)
        size = _overtakes(powers, highest, next(item for item in scaling.dimensions if item.name in names))
        if highest > proportional(scaling.dimensions, names) and size is not None:
            degrees = {row.path: max(along(row.macs, scaling.dimensions, names), default=0) for row in scaling.layers}
            layers = tuple(path for path, degree in degrees.items() if degree == highest)
            others = {item.name: item.example for item in scaling.dimensions if item.name not in names}
            yield Crossover(names, size, highest, layers, others)


def together(dimensions: Sequence[Dimension]) -> list[tuple[str, ...]]:
    """The sizes that grow together, by name: height and width where they have one lattice."""
    pair = [item for item in dimensions if item.kind in TIED]
    lattices = {(item.period, item.offset) for item in pair}
    if len(pair) != 2 or len(lattices) > 1 or pair[0].kind == pair[1].kind:
        return [(item.name,) for item in dimensions]
    return [*((item.name,) for item in dimensions if item not in pair), tuple(item.name for item in pair)]


def proportional(dimensions: Sequence[Dimension], names: Sequence[str]) -> int:
    """The power with which the elements of an input grow when some sizes grow together."""
    return sum(item.axes for item in dimensions if item.name in names)


def along(polynomial: Polynomial | None, dimensions: Sequence[Dimension], names: Sequence[str]) -> Powers:
    """A polynomial in the one size that some dimensions have together, the others as in the example."""
    found: Powers = {}
    for powers, value in (polynomial.coefficients if polynomial else {}).items():
        fixed = prod(
            item.step(item.example) ** power
            for item, power in zip(dimensions, powers, strict=True)
            if item.name not in names
        )
        moving = [(item, power) for item, power in zip(dimensions, powers, strict=True) if item.name in names]
        power = sum(power for _, power in moving)
        for low, part in _in_sizes(moving[0][0], power).items():
            found[low] = found.get(low, Fraction(0)) + value * fixed * part
    return {power: value for power, value in found.items() if value}


def _in_sizes(item: Dimension, power: int) -> Powers:
    """The power of a lattice step, (size - offset) / period, in powers of the size."""
    scale = Fraction(1, item.period**power)
    return {low: scale * comb(power, low) * (-item.offset) ** (power - low) for low in range(power + 1)}


def _overtakes(powers: Powers, highest: int, item: Dimension) -> int | None:
    """The smallest size in the range at which the highest power makes at least half; None when there is none."""
    low, high = item.step(item.least), item.step(item.most)

    def leads(step: int) -> bool:
        size = item.size(step)
        whole = sum(value * size**power for power, value in powers.items())
        return bool(2 * powers[highest] * size**highest >= whole)

    if highest < 2 or not leads(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if leads(middle) else (middle + 1, high)
    return item.size(low)
