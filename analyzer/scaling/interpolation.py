"""Polynomials through given values on a grid, in exact rationals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, product
from math import lcm, prod
from operator import mul

from analyzer.values.scaling import Polynomial

Point = tuple[int, ...]


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
