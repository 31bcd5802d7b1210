"""Fit every recorded integer on a lattice of input sizes, and check the fit at other points."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from analyzer.scaling.interpolation import Point, interpolation
from analyzer.scaling.recordings import Recordings, Unrecorded
from analyzer.scaling.stream import Integers, Stream, first_difference
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
    """The fit next to the example; Unrecorded where there is none.

    Traced are a line along each variable, and a grid in those variables that any integer depends on together.
    """
    box = _Box(recordings, tuple(dimensions), tuple(item.step(item.example) + 1 for item in dimensions))
    for line in ((), *((place,) for place in range(len(dimensions)))):
        box.grid(frozenset(line))
    for places in {box.varying(values) for values in set(itertools.chain(*box.columns()))}:
        box.grid(places)
    known: dict[Integers, int] = {}
    numbers = tuple(tuple(known.setdefault(values, len(known)) for values in columns) for columns in box.columns())
    return LatticeFit(box.dimensions, box.base, box.streams[box.base], tuple(map(box.polynomial, known)), numbers)


@dataclass(frozen=True)
class _Box:
    """Traces next to a point of a lattice, made as they are asked for."""

    recordings: Recordings
    dimensions: tuple[Dimension, ...]
    base: Point
    streams: dict[Point, Stream] = field(default_factory=dict)

    def grid(self, places: frozenset[int]) -> tuple[list[Point], Callable[[Sequence[int]], Polynomial]]:
        """Enough points in some variables, all of them traced, and the polynomial of values at these."""
        degrees = [item.axes if place in places else 0 for place, item in enumerate(self.dimensions)]
        points, through = interpolation(self.base, degrees)
        for point in points:
            if point not in self.streams:
                self.streams[point] = self._traced(point)
        return points, through

    def _traced(self, point: Point) -> Stream:
        sizes = sizes_at(self.dimensions, point)
        stream = self.recordings.at(sizes)
        if self.streams and (difference := first_difference(self.streams[self.base], stream)):
            raise Unrecorded(self.recordings.changed_stream(difference, sizes))
        return stream

    def columns(self) -> Iterator[Iterator[Integers]]:
        """For every operator its integers, each with its values at all points that are traced."""
        for entries in zip(*(stream.integers for stream in self.streams.values()), strict=True):
            yield zip(*entries, strict=True)

    def varying(self, values: Integers) -> frozenset[int]:
        """The variables that an integer depends on, by its values at the traced points."""
        at = dict(zip(self.streams, values, strict=True))
        return frozenset(
            place
            for place, start in enumerate(self.base)
            if at[self.base] != at[(*self.base[:place], start + 1, *self.base[place + 1 :])]
        )

    def polynomial(self, values: Integers) -> Polynomial:
        """Of an integer, by its values at the traced points."""
        at = dict(zip(self.streams, values, strict=True))
        points, through = self.grid(self.varying(values))
        return through([at[point] for point in points])


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
