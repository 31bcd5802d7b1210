"""Fit every recorded integer on a lattice of input sizes, and check the fit at other points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.scaling.interpolation import Point, corners, multilinear
from analyzer.scaling.recordings import Recordings, Unrecorded
from analyzer.scaling.stream import Stream, first_difference
from analyzer.values.scaling import Dimension, Polynomial


@dataclass(frozen=True)
class LatticeFit:
    """Polynomials, linear in each variable, for all that was recorded at the points of a lattice."""

    dimensions: tuple[Dimension, ...]
    base: Point
    """The corner of the box of side 1 that the fit was made on: one step above the example."""
    stream: Stream
    """At this corner; its structure is that at every point."""
    polynomials: tuple[Polynomial, ...]
    """Each once."""
    numbers: tuple[tuple[int, ...], ...]
    """The polynomials of all integers of the stream."""

    def sizes(self, steps: Sequence[int]) -> dict[str, int]:
        """The sizes at a point, by name."""
        return {item.name: item.size(step) for item, step in zip(self.dimensions, steps, strict=True)}

    def values(self, steps: Sequence[int]) -> list[int]:
        """All polynomials at a point."""
        return [polynomial.at(steps) for polynomial in self.polynomials]


def fitted(recordings: Recordings, dimensions: Sequence[Dimension]) -> LatticeFit:
    """The fit on the box of side 1 next to the example; Unrecorded where there is none."""
    base = tuple(item.step(item.example) + 1 for item in dimensions)
    points = [{d.name: d.size(step) for d, step in zip(dimensions, at, strict=True)} for at in corners(base)]
    streams = [recordings.at(sizes) for sizes in points]
    for sizes, stream in zip(points, streams, strict=True):
        if difference := first_difference(streams[0], stream):
            raise Unrecorded(recordings.changed_stream(difference, sizes))
    known: dict[tuple[int, ...], int] = {}
    numbers = tuple(
        tuple(known.setdefault(values, len(known)) for values in zip(*entries, strict=True))
        for entries in zip(*(stream.integers for stream in streams), strict=True)
    )
    return LatticeFit(
        tuple(dimensions), base, streams[0], tuple(multilinear(base, values) for values in known), numbers
    )


def refute(fit: LatticeFit, recordings: Recordings, steps: Sequence[int]) -> None:
    """Unrecorded when the forward at a point is not what the fit says."""
    sizes = fit.sizes(steps)
    stream = recordings.at(sizes)
    if difference := first_difference(fit.stream, stream):
        raise Unrecorded(recordings.changed_stream(difference, sizes))
    values = fit.values(steps)
    for index, (numbers, recorded) in enumerate(zip(fit.numbers, stream.integers, strict=True)):
        if tuple(values[number] for number in numbers) != recorded:
            raise Unrecorded(recordings.off_line(stream, index, sizes))
