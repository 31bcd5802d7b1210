"""Polynomials through given values, in exact rationals: on the corners of a box, and on a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, product
from math import lcm, prod
from operator import mul

from analyzer.values.scaling import Polynomial

Point = tuple[int, ...]


def corners(low: Point) -> list[Point]:
    """The points of a box of side 1, the last variable changing fastest."""
    return list(product(*((step, step + 1) for step in low)))


def multilinear(low: Point, values: Sequence[int]) -> Polynomial:
    """The polynomial with the given value at each of `corners(low)`."""
    return Polynomial.of({powers: Fraction(value) for powers, value in _coefficients(low, values).items()})


def _coefficients(low: Point, values: Sequence[int]) -> dict[Point, int]:
    """f(x, …) = f(low, …) + (x - low) · (f(low + 1, …) - f(low, …)), one variable after the other."""
    if not low:
        return {(): values[0]}
    half = len(values) // 2
    at_low = _coefficients(low[1:], values[:half])
    slope = _coefficients(low[1:], [high - low for low, high in zip(values[:half], values[half:], strict=True)])
    constant = {(0, *powers): at_low[powers] - low[0] * slope[powers] for powers in at_low}
    return constant | {(1, *powers): value for powers, value in slope.items()}


def interpolation(low: Point, degrees: Sequence[int]) -> tuple[list[Point], Callable[[Sequence[int]], Polynomial]]:
    """A grid of as many points along each variable as its degree needs, and the polynomial of values at all of them.

    One inverse of the Vandermonde matrix, the product of those of the variables, serves all values.
    """
    axes = [range(start, start + degree + 1) for start, degree in zip(low, degrees, strict=True)]
    bases = [[_lagrange(axis, node) for node in axis] for axis in axes]
    powers = list(product(*(range(degree + 1) for degree in degrees)))
    inverse = [
        [prod(rows[power] for rows, power in zip(chosen, each, strict=True)) for chosen in product(*bases)]
        for each in powers
    ]
    denominator = lcm(*(Fraction(item).denominator for row in inverse for item in row))
    whole = [[int(item * denominator) for item in row] for row in inverse]

    def through(values: Sequence[int]) -> Polynomial:
        sums = (sum(map(mul, row, values)) for row in whole)
        return Polynomial.of({each: Fraction(total, denominator) for each, total in zip(powers, sums, strict=True)})

    return list(product(*axes)), through


def _lagrange(nodes: Sequence[int], node: int) -> list[Fraction]:
    """Coefficients, lowest first, of the polynomial that is 1 at one of the nodes and 0 at the others."""
    coefficients = [Fraction(1)]
    for other in nodes:
        if other != node:
            shifted = [Fraction(0), *coefficients]
            scaled = [*(other * value for value in coefficients), Fraction(0)]
            coefficients = [(a - b) / (node - other) for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


def degree(values: Sequence[int]) -> int | None:
    """The degree of the polynomial through values at neighbouring points; None when there are too few to tell."""
    differences, found = list(values), -1
    while any(differences):
        differences = [high - low for low, high in pairwise(differences)]
        found += 1
    return max(found, 0) if differences else None
