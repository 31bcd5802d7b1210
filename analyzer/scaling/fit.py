"""Fit every recorded integer on a lattice of input sizes, and check the fit at other points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.scaling.interpolation import Point, interpolation
from analyzer.scaling.recordings import Recordings, Unrecorded
from analyzer.scaling.stream import Stream, first_difference
from analyzer.values.scaling import Dimension, Polynomial


@dataclass(frozen=True)
class LatticeFit:
    """Polynomials for all that was recorded at the points of a lattice, in each variable of its number of axes."""

    dimensions: tuple[Dimension, ...]
    base: Point
    """The lowest point of the grid that the fit was made on: one step above the example."""
    stream: Stream
    """At this corner; its structure is that at every point."""
    polynomials: tuple[Polynomial, ...]
    """Each once."""
    numbers: tuple[tuple[int, ...], ...]
    """The polynomials of all integers of the stream."""

    def sizes(self, steps: Sequence[int]) -> dict[str, int]:
        """The sizes at a point, by name."""
        return sizes_at(self.dimensions, steps)

    def values(self, steps: Sequence[int]) -> list[int]:
        """All polynomials at a point."""
        return [polynomial.at(steps) for polynomial in self.polynomials]


def sizes_at(dimensions: Sequence[Dimension], steps: Sequence[int]) -> dict[str, int]:
    """The sizes at a point of the lattice, by all of their names."""
    return {name: item.size(step) for item, step in zip(dimensions, steps, strict=True) for name in item.names}


def fitted(recordings: Recordings, dimensions: Sequence[Dimension]) -> LatticeFit:
    """The fit on a grid next to the example; Unrecorded where there is none."""
    base = tuple(item.step(item.example) + 1 for item in dimensions)
    grid, through = interpolation(base, [item.axes for item in dimensions])
    points = [sizes_at(dimensions, steps) for steps in grid]
    streams = [recordings.at(sizes) for sizes in points]
    for sizes, stream in zip(points, streams, strict=True):
        if difference := first_difference(streams[0], stream):
            raise Unrecorded(recordings.changed_stream(difference, sizes))
    known: dict[tuple[int, ...], int] = {}
    numbers = tuple(
        tuple(known.setdefault(values, len(known)) for values in zip(*entries, strict=True))
        for entries in zip(*(stream.integers for stream in streams), strict=True)
    )
    return LatticeFit(tuple(dimensions), base, streams[0], tuple(map(through, known)), numbers)


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
