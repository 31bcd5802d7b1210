"""The most memory that a forward holds at once, as the largest of a few polynomials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import comb

from analyzer.scaling.fit import LatticeFit
from analyzer.scaling.stream import op_of
from analyzer.values.graph import Tensor
from analyzer.values.scaling import Polynomial


class NoPeak(Exception):
    """Why the peak is not known as a formula."""


def peaks(fit: LatticeFit) -> tuple[Polynomial, ...]:
    """Polynomials of bytes, the largest of which is the peak at every point of the range; NoPeak without."""
    pieces = list(_pieces(fit))
    if [piece.at(fit.base) for piece in pieces] != list(fit.stream.nbytes):
        raise NoPeak("memory is allocated that operators do not return")
    return _largest(set(_held(fit, pieces)), fit)


def _pieces(fit: LatticeFit) -> Iterator[Polynomial]:
    """The bytes of each piece of memory: of the tensor for which it was allocated."""
    seen: set[int] = set()
    known: dict[object, Polynomial] = {}
    rows = zip(fit.stream.operators, fit.numbers, fit.stream.fractions, strict=False)
    for structure, numbers, fractions in rows:
        op = op_of(structure, [fit.polynomials[number] for number in numbers], fractions)
        seen.update(tensor.storage for tensor in op.inputs)
        for output in sorted(op.outputs, key=lambda tensor: tensor.storage):
            if output.storage not in seen:
                seen.add(output.storage)
                key = output.shape, output.itemsize
                yield known[key] if key in known else known.setdefault(key, _nbytes(fit, output))


def _nbytes(fit: LatticeFit, tensor: Tensor) -> Polynomial:
    whole = Polynomial.of({(0,) * len(fit.base): tensor.itemsize})
    for size in tensor.shape:
        whole = whole * size
    return whole


def _held(fit: LatticeFit, pieces: Sequence[Polynomial]) -> Iterator[Polynomial]:
    """What is held while each operator runs; each piece from its birth to the last operator before it is let go."""
    count = len(fit.stream.operators)
    change = [Polynomial() for _ in range(count + 1)]
    for (born, freed), piece in zip(fit.stream.memory, pieces, strict=True):
        change[born] += piece
        if freed is not None and freed < count:
            change[max(freed, born) + 1] -= piece
    held = Polynomial()
    for difference in change[:count]:
        held += difference
        yield held


def _largest(candidates: set[Polynomial], fit: LatticeFit) -> tuple[Polynomial, ...]:
    """Those that no other is at least as large as throughout the range."""
    least = [item.step(item.least) for item in fit.dimensions]
    most = [item.step(item.most) for item in fit.dimensions]
    kept: list[Polynomial] = []
    for one in sorted(candidates, key=lambda each: (-each.at(most), each.terms)):
        if not any(_never_negative(other - one, least) for other in kept):
            kept.append(one)
    return tuple(kept)


def _never_negative(polynomial: Polynomial, least: Sequence[int]) -> bool:
    """Whether no coefficient is negative once variables are counted from the least: a sufficient condition."""
    coefficients = polynomial.coefficients
    for place, start in enumerate(least):
        shifted: dict[tuple[int, ...], Fraction] = {}
        for powers, value in coefficients.items():
            for power in range(powers[place] + 1):
                key = (*powers[:place], power, *powers[place + 1 :])
                part = value * comb(powers[place], power) * start ** (powers[place] - power)
                shifted[key] = shifted.get(key, Fraction(0)) + part
        coefficients = shifted
    return all(value >= 0 for value in coefficients.values())
