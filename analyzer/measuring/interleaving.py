"""Times things in turns until the numbers are steady, and says when two interleaved series of one thing disagree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter

from analyzer.values.timings import TimeRatio, Timing

Sample = Callable[[], Sequence[float]]
"""Times one block of a thing: the seconds of each of its runs."""
Series = Sequence[Sequence[float]]
"""The blocks of one thing, one a turn."""

MAX_DISAGREEMENT = 0.10
"""Even and odd turns of one thing may differ by so much of the smaller."""
MAX_SPREAD = 0.30
"""So much of the median may lie between the quartiles."""


@dataclass(frozen=True)
class Patience:
    """When to stop: steady after at least so many turns, or out of time."""

    turns: int = 4
    spread: float = 0.03
    """Steady is when the quartiles lie within so much of the median."""
    seconds: float = 1.0
    """For each thing that is timed."""


def in_turns(
    samples: Sequence[Sample], patience: Patience, clock: Callable[[], float] = perf_counter
) -> tuple[Series, ...]:
    """A B A B ...: one block of each thing a turn, after one turn that only warms up.

    The number of turns is even, so that even and odd ones are two series of equal length.
    """
    for sample in samples:
        sample()
    end = clock() + patience.seconds * len(samples)
    series: tuple[list[Sequence[float]], ...] = tuple([] for _ in samples)
    while True:
        for blocks, sample in zip(series, samples, strict=True):
            blocks.append(tuple(sample()))
        turns = len(series[0])
        enough = turns >= patience.turns and turns % 2 == 0
        if enough and (_are_steady(series, patience.spread) or clock() >= end):
            return series


def _are_steady(series: Sequence[Series], spread: float) -> bool:
    return all(_spread(_pooled(blocks)) <= spread for blocks in series)


def timing_of(series: Series) -> Timing:
    """Median, quartiles and tail over all turns, and whether even and odd turns agree."""
    runs = _pooled(series)
    low, middle, high = _quartiles(runs)
    tail = sorted(runs)[min(len(runs) - 1, int(0.95 * len(runs)))]
    halves = median(_pooled(series[::2])), median(_pooled(series[1::2]) or runs)
    return Timing(middle, high - low, tail, min(runs), len(runs), _noise(runs, halves, milliseconds))


def ratio_of(series: Series, base: Series) -> TimeRatio:
    """Turn by turn the time of one thing over that of the other, so that what slows both down cancels out."""
    ratios = [median(one) / median(other) for one, other in zip(series, base, strict=True)]
    low, middle, high = _quartiles(ratios)
    halves = median(ratios[::2]), median(ratios[1::2] or ratios)
    return TimeRatio(middle, low, high, _noise(ratios, halves, lambda value: f"{value:.2f}"))


def _noise(values: Sequence[float], halves: tuple[float, float], text: Callable[[float], str]) -> str:
    first, second = halves
    if abs(first - second) > MAX_DISAGREEMENT * min(halves):
        return f"two interleaved series of the same disagree: {text(first)} and {text(second)}"
    if _spread(values) > MAX_SPREAD:
        low, _, high = _quartiles(values)
        return f"half of the runs lie between {text(low)} and {text(high)}, the others outside"
    return ""


def milliseconds(seconds: float) -> str:
    """Three digits: "1.23 ms", "45.6 µs"."""
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            return f"{seconds / unit:#.3g}".rstrip(".") + f" {name}"
    return f"{seconds / 1e-9:.0f} ns"


def _pooled(series: Series) -> list[float]:
    return [run for block in series for run in block]


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _spread(values: Sequence[float]) -> float:
    """What lies between the quartiles, as a share of the median."""
    low, middle, high = _quartiles(values)
    return (high - low) / middle if middle else 0.0
