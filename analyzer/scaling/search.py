"""Find which sizes of the inputs formulas can be had for, on which lattice, and in which range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from analyzer.scaling.fit import NOT_LINEAR, Fit, fitted, refute
from analyzer.scaling.lattice import farthest, on_period, periods_to_try
from analyzer.scaling.recordings import ForwardFailed, Recordings, Unrecorded
from analyzer.scaling.stream import first_difference
from analyzer.values.scaling import Dimension, FixedSize


@dataclass(frozen=True)
class Found:
    """A fit whose dimensions have their ranges, the sizes that have none, and why ranges end."""

    fit: Fit
    fixed: tuple[FixedSize, ...] = ()
    notes: tuple[str, ...] = ()
    at_example: Found | None = None
    """The same with the sizes of the example that lie outside the range fixed; None where all lie within."""


def found(recordings: Recordings, guesses: Sequence[Dimension]) -> Found:
    """A fit on the guessed lattice, else on one that is searched size by size; Unrecorded when nothing can change."""
    try:
        return _with_ranges(fitted(recordings, guesses), recordings, ())
    except Unrecorded:
        dimensions, fixed = _searched(recordings, guesses)
    if not dimensions:
        raise Unrecorded("; ".join(f"{size.name} stays {size.size}, for {size.reason}" for size in fixed))
    return _with_ranges(fitted(recordings, dimensions), recordings, fixed)


def _searched(
    recordings: Recordings, guesses: Sequence[Dimension]
) -> tuple[tuple[Dimension, ...], tuple[FixedSize, ...]]:
    dimensions, fixed = [], []
    for guess in guesses:
        try:
            dimensions.append(_on_finest_period(recordings, guess))
        except Unrecorded as reason:
            fixed.append(FixedSize(guess.name, guess.example, str(reason)))
    return tuple(dimensions), tuple(fixed)


def _on_finest_period(recordings: Recordings, guess: Dimension) -> Dimension:
    """The finest lattice on which all grows linearly along this size alone; Unrecorded when there is none."""
    *finer, coarsest = periods_to_try(guess)
    _refute_linear(recordings, guess, coarsest)
    for period in finer:
        try:
            _refute_linear(recordings, guess, period)
        except Unrecorded:
            continue
        return on_period(guess, period)
    return on_period(guess, coarsest)


def _refute_linear(recordings: Recordings, guess: Dimension, period: int) -> None:
    """Unrecorded unless three sizes that far apart, above the example, differ by equal amounts in all integers."""
    sizes = [{guess.name: guess.example + period * step} for step in (1, 2, 3)]
    streams = [recordings.at(size) for size in sizes]
    for size, stream in zip(sizes[1:], streams[1:], strict=True):
        if difference := first_difference(streams[0], stream):
            raise Unrecorded(recordings.told(difference, size))
    for first, second, third in zip(*(stream.integers for stream in streams), strict=True):
        if any(a + c != 2 * b for a, b, c in zip(first, second, third, strict=True)):
            raise Unrecorded(NOT_LINEAR)


def _with_ranges(fit: Fit, recordings: Recordings, fixed: tuple[FixedSize, ...]) -> Found:
    least, below = _reached(fit, recordings, [list(_from_below(item, step)) for item, step in _pairs(fit)])
    most, above = _reached(fit, recordings, [list(_from_above(item, step)) for item, step in _pairs(fit)])
    ranges = zip(fit.dimensions, least, most, strict=True)
    dimensions = tuple(replace(item, least=item.size(low), most=item.size(high)) for item, low, high in ranges)
    outside = tuple(
        FixedSize(item.name, item.example, below.get(item.name, "")) for item in dimensions if item.example < item.least
    )
    if not outside:
        refute(fit, recordings, [item.step(item.example) for item in dimensions])
    notes = tuple((*(size.reason for size in outside), *above.values()))
    whole = Found(replace(fit, dimensions=dimensions), fixed, notes)
    return replace(whole, at_example=_at_example(dimensions, recordings, outside)) if outside else whole


def _at_example(
    dimensions: Sequence[Dimension], recordings: Recordings, outside: tuple[FixedSize, ...]
) -> Found | None:
    kept = [item for item in dimensions if item.name not in {size.name for size in outside}]
    try:
        return _with_ranges(fitted(recordings, kept), recordings, outside)
    except Unrecorded:
        return None


def _pairs(fit: Fit) -> Iterator[tuple[Dimension, int]]:
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


def _reached(
    fit: Fit, recordings: Recordings, tries: list[list[int]]
) -> tuple[tuple[int, ...], dict[str, str]]:
    """The outermost point that the fit holds at, each size for itself where they do not all hold together.

    With it why each size that does not go all the way stops.
    """
    outermost = tuple(steps[0] for steps in tries)
    if _refuted(fit, recordings, outermost) is None:
        return outermost, {}
    reached, reasons = list(fit.base), {}
    for place, steps in enumerate(tries):
        for step in steps:
            refuted = _refuted(fit, recordings, (*fit.base[:place], step, *fit.base[place + 1 :]))
            if refuted is None:
                reached[place] = step
                break
            reasons[fit.dimensions[place].name] = str(refuted)
    if (refuted := _refuted_together(fit, recordings, reached)) is not None:
        return tuple(steps[-1] for steps in tries), {item.name: str(refuted) for item in fit.dimensions}
    return tuple(reached), reasons


def _refuted_together(fit: Fit, recordings: Recordings, steps: Sequence[int]) -> Unrecorded | None:
    """Why the fit does not hold for all sizes together; where the forward fails, as far as it goes."""
    point = tuple(steps)
    while isinstance(refuted := _refuted(fit, recordings, point), ForwardFailed) and point != fit.base:
        point = tuple(base + int((step - base) / 2) for step, base in zip(point, fit.base, strict=True))
    return refuted


def _refuted(fit: Fit, recordings: Recordings, steps: Sequence[int]) -> Unrecorded | None:
    try:
        refute(fit, recordings, steps)
    except Unrecorded as reason:
        return reason
    return None
