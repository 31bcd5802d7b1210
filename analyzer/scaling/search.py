"""Find which sizes of the inputs formulas can be had for, on which lattice, and in which range."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from math import lcm

from analyzer.scaling.fit import LatticeFit, fitted, refute
from analyzer.scaling.interpolation import Point, interpolation
from analyzer.scaling.lattice import farthest, on_period, periods_to_try
from analyzer.scaling.position_tables import Lookup, lookups
from analyzer.scaling.recordings import ForwardFailed, Recordings, Unrecorded
from analyzer.scaling.stream import Stream, first_difference
from analyzer.values.scaling import Dimension, FixedSize, Polynomial, RangeEnd

FAR = 37
"""Steps of the lattice after which a line is told from a staircase."""


@dataclass(frozen=True)
class Found:
    """A fit whose dimensions have their ranges, the sizes that have none, and why ranges end."""

    fit: LatticeFit
    fixed: tuple[FixedSize, ...] = ()
    ends: tuple[RangeEnd, ...] = ()
    at_example: Found | None = None
    """The same with the sizes of the example that lie outside the range fixed; None where all lie within."""


@dataclass(frozen=True)
class Line:
    """What was recorded at the first steps along a size, and polynomials through integers at these."""

    streams: Sequence[Stream]
    through: Callable[[tuple[int, ...]], Polynomial]


def found(recordings: Recordings, guesses: Sequence[Dimension]) -> Found:
    """A fit on the guessed lattice, else on one that is searched size by size; Unrecorded when nothing can change."""
    try:
        first = _with_ranges(fitted(recordings, guesses), recordings, ())
        if all(item.step(item.most) >= base + FAR for item, base in _pairs(first.fit)):
            return first
    except Unrecorded:
        pass
    dimensions, fixed = _searched(recordings, guesses)
    while dimensions:
        try:
            return _with_ranges(fitted(recordings, dimensions), recordings, fixed)
        except Unrecorded as reason:  # each size alone is known to grow linearly
            *dimensions, last = dimensions
            fixed = [*fixed, FixedSize(last.name, last.example, str(reason))]
    raise Unrecorded("; ".join(f"{size.name} stays {size.size}: {size.reason}" for size in fixed))


def _searched(recordings: Recordings, guesses: Sequence[Dimension]) -> tuple[list[Dimension], list[FixedSize]]:
    """Each size on a lattice of its own; those that stay fixed alone are tried together where they are equal."""
    found: dict[str, Dimension] = {}
    fixed: dict[str, FixedSize] = {}
    for guess in guesses:
        try:
            found[guess.name] = _on_finest_period(recordings, guess)
        except Unrecorded as reason:
            fixed[guess.name] = FixedSize(guess.name, guess.example, str(reason))
    for together in _equal([guess for guess in guesses if guess.name in fixed]):
        with suppress(Unrecorded):
            found[together.name] = _on_finest_period(recordings, together)
            fixed = {name: size for name, size in fixed.items() if name not in together.names}
    return [found[guess.name] for guess in guesses if guess.name in found], list(fixed.values())


def _equal(guesses: Sequence[Dimension]) -> Iterator[Dimension]:
    """Several sizes that are equal in the example, as one."""
    for size in dict.fromkeys(guess.example for guess in guesses):
        first, *others = (guess for guess in guesses if guess.example == size)
        if others:
            period = lcm(first.period, *(other.period for other in others))
            places = (*first.places, *(place for other in others for place in other.places))
            tied = tuple(name for other in others for name in other.names)
            yield replace(on_period(first, period), places=places, tied=tied)


def _on_finest_period(recordings: Recordings, guess: Dimension) -> Dimension:
    """The finest lattice on which all grows as it should along this size alone; Unrecorded when there is none."""
    *finer, coarsest = periods_to_try(guess)
    _refute_growth(recordings, guess, coarsest)
    for period in finer:
        try:
            _refute_growth(recordings, guess, period)
        except Unrecorded:
            continue
        return on_period(guess, period)
    return on_period(guess, coarsest)


def _refute_growth(recordings: Recordings, guess: Dimension, period: int) -> None:
    """Unrecorded unless all integers grow linearly along this size, on a lattice of the period through the example.

    With the power of a size that several axes of an input have. Far from there the forward may fail.
    """

    def at(step: int) -> dict[str, int]:
        return dict.fromkeys(guess.names, guess.example + period * step)

    grid, through = interpolation((1,), (guess.axes,))
    line = Line([recordings.at(at(step)) for (step,) in grid], cache(through))
    for step in range(2, guess.axes + 3):
        _refute_line(recordings, line, recordings.at(at(step)), at(step), step)
    with suppress(ForwardFailed):
        _refute_line(recordings, line, recordings.at(at(FAR)), at(FAR), FAR)


def _refute_line(recordings: Recordings, line: Line, stream: Stream, sizes: Mapping[str, int], step: int) -> None:
    """Unrecorded when what was recorded at a step does not lie on the line through the first steps."""
    if difference := first_difference(line.streams[0], stream):
        raise Unrecorded(recordings.changed_stream(difference, sizes))
    for index, (recorded, *columns) in enumerate(
        zip(stream.integers, *(each.integers for each in line.streams), strict=True)
    ):
        for value, *first in zip(recorded, *columns, strict=True):
            if line.through(tuple(first)).at((step,)) != value:
                raise Unrecorded(recordings.off_line(stream, index, sizes))


def _with_ranges(fit: LatticeFit, recordings: Recordings, fixed: Sequence[FixedSize]) -> Found:
    least, below = _reached(fit, recordings, [list(_from_below(item, step)) for item, step in _pairs(fit)])
    most, above = _reached(fit, recordings, [list(_from_above(item, step)) for item, step in _pairs(fit)])
    most, above = _within_tables(fit, recordings, most, above)
    ranges = zip(fit.dimensions, least, most, strict=True)
    dimensions = tuple(replace(item, least=item.size(low), most=item.size(high)) for item, low, high in ranges)
    outside = tuple(
        FixedSize(item.name, item.example, below.get(item.name, "")) for item in dimensions if item.example < item.least
    )
    if not outside:
        refute(fit, recordings, [item.step(item.example) for item in dimensions])
    below = {size.name: size.reason for size in outside if size.reason}
    ends = (
        *(RangeEnd(name, reason, above=False) for name, reason in below.items()),
        *(RangeEnd(name, reason) for name, reason in above.items()),
    )
    whole = Found(replace(fit, dimensions=dimensions), tuple(fixed), ends)
    return replace(whole, at_example=_at_example(dimensions, recordings, outside)) if outside else whole


def _within_tables(
    fit: LatticeFit, recordings: Recordings, most: Point, above: dict[str, str]
) -> tuple[Point, dict[str, str]]:
    """The same with ranges that end where positions are looked up that a table does not have."""
    for lookup in lookups(fit):
        places = [place for place in range(len(most)) if lookup.last.degree(place)]
        example = [item.step(item.example) for item in fit.dimensions]
        if len(places) != 1 or lookup.last.at(example) >= lookup.rows:
            continue  # where several sizes decide, or the example is beyond it already, no end is known
        (place,) = places
        steps = range(most[place] + 1)
        end = bisect_left(steps, lookup.rows, key=partial(_last, fit, lookup, place)) - 1
        if end < most[place]:
            item = fit.dimensions[place]
            beyond = recordings.beyond_table(lookup.layer, lookup.rows, {item.name: item.size(end + 1)})
            most, above = (*most[:place], end, *most[place + 1 :]), above | {item.name: beyond}
    return most, above


def _last(fit: LatticeFit, lookup: Lookup, place: int, step: int) -> int:
    return lookup.last.at(_moved(fit, place, step))


def _moved(fit: LatticeFit, place: int, step: int) -> Point:
    return (*fit.base[:place], step, *fit.base[place + 1 :])


def _at_example(
    dimensions: Sequence[Dimension], recordings: Recordings, outside: tuple[FixedSize, ...]
) -> Found | None:
    kept = [item for item in dimensions if item.name not in {size.name for size in outside}]
    try:
        return _with_ranges(fitted(recordings, kept), recordings, outside)
    except Unrecorded:
        return None


def _pairs(fit: LatticeFit) -> Iterator[tuple[Dimension, int]]:
    yield from zip(fit.dimensions, fit.base, strict=True)


def _from_below(dimension: Dimension, base: int) -> Iterator[int]:
    """Steps from the smallest size up to the base."""
    step = 0 if dimension.offset else 1
    while step < base:
        yield step
        step = max(2 * step, 1)
    yield base


def _from_above(dimension: Dimension, base: int) -> Iterator[int]:
    """Steps from the largest size down to the box."""
    step = (farthest(dimension) - dimension.offset) // dimension.period
    while step > base + 1:
        yield step
        step //= 2
    yield base + 1


def _reached(fit: LatticeFit, recordings: Recordings, tries: list[list[int]]) -> tuple[tuple[int, ...], dict[str, str]]:
    """The outermost point that the fit holds at, each size for itself where they do not all hold together.

    With it why each size that does not go all the way stops.
    """
    outermost = tuple(steps[0] for steps in tries)
    if _refuted(fit, recordings, outermost) is None:
        return outermost, {}
    reached, reasons = list(fit.base), {}
    for place, steps in enumerate(tries):
        for step in steps:
            refuted = _refuted(fit, recordings, _moved(fit, place, step))
            if refuted is None:
                reached[place] = step
                break
            reasons[fit.dimensions[place].name] = str(refuted)
    if (refuted := _refuted_together(fit, recordings, reached)) is not None:
        return tuple(steps[-1] for steps in tries), {item.name: str(refuted) for item in fit.dimensions}
    return tuple(reached), reasons


def _refuted_together(fit: LatticeFit, recordings: Recordings, steps: Sequence[int]) -> Unrecorded | None:
    """Why the fit does not hold for all sizes together; where the forward fails, as far as it goes."""
    point = tuple(steps)
    while isinstance(refuted := _refuted(fit, recordings, point), ForwardFailed) and point != fit.base:
        point = tuple(base + int((step - base) / 16) for step, base in zip(point, fit.base, strict=True))
    return refuted


def _refuted(fit: LatticeFit, recordings: Recordings, steps: Sequence[int]) -> Unrecorded | None:
    try:
        refute(fit, recordings, steps)
    except Unrecorded as reason:
        return reason
    return None
