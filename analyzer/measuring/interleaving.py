"""Interleaved timing (A B A B ...) until the spread is small, and the test whether the numbers can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import Literal

from analyzer.values.timings import Noise, NoiseWords, TimeRatio, Timing

Sample = Callable[[], Sequence[float]]
"""Times one block of runs: the seconds of each."""
Series = Sequence[Sequence[float]]
"""The blocks of one candidate, one for each round."""

MAX_DISAGREEMENT = 0.10
"""Largest difference between the medians of even and odd rounds, as a share of the smaller."""
MAX_SPREAD = 0.30
"""Largest interquartile range, as a share of the median."""


@dataclass(frozen=True)
class Patience:
    """When to stop: the spread is small after at least `turns` rounds, or the time is up."""

    turns: int = 4
    spread: float = 0.03
    """Interquartile range over median at which the series counts as steady."""
    seconds: float = 1.0
    """Time limit for each candidate."""


def interleave(
    samples: Sequence[Sample], patience: Patience, clock: Callable[[], float] = perf_counter
) -> tuple[Series, ...]:
    """One block of each candidate a round, after a warm-up round.

    The number of rounds is even, so that even and odd rounds are two series of equal length.
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


def bare(noise: Noise) -> str:
    """The kind of noise alone, where no words are made of it."""
    return noise.kind


def timing_of(series: Series, words: NoiseWords = bare) -> Timing:
    """Median, interquartile range, 95th percentile and minimum in seconds, and why they can't be trusted, if so."""
    runs = _pooled(series)
    low, middle, high = _quartiles(runs)
    tail = sorted(runs)[min(len(runs) - 1, int(0.95 * len(runs)))]
    halves = median(_pooled(series[::2])), median(_pooled(series[1::2]) or runs)
    noise = _noise(runs, halves, "seconds")
    return Timing(middle, high - low, tail, min(runs), len(runs), words(noise) if noise else "")


def ratio_of(series: Series, base: Series, words: NoiseWords = bare) -> TimeRatio:
    """Quartiles of the ratio `series / base`, round by round, so that what slows both down cancels out."""
    ratios = [median(one) / median(other) for one, other in zip(series, base, strict=True)]
    low, middle, high = _quartiles(ratios)
    halves = median(ratios[::2]), median(ratios[1::2] or ratios)
    noise = _noise(ratios, halves, "ratio")
    return TimeRatio(middle, low, high, words(noise) if noise else "")


def _noise(values: Sequence[float], halves: tuple[float, float], unit: Literal["seconds", "ratio"]) -> Noise | None:
    if abs(halves[0] - halves[1]) > MAX_DISAGREEMENT * min(halves):
        return Noise("disagreement", halves, unit)
    low, _, high = _quartiles(values)
    return Noise("spread", (low, high), unit) if _spread(values) > MAX_SPREAD else None


def _pooled(series: Series) -> list[float]:
    return [run for block in series for run in block]


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _spread(values: Sequence[float]) -> float:
    """Interquartile range over median."""
    low, middle, high = _quartiles(values)
    return (high - low) / middle if middle else 0.0
