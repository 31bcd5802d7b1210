"""Which positions along one axis an output position reads, exactly, however the axis was strided or stretched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm

from analyzer.values.taps import taps as tap_positions

MAX_PHASES = 1024
"""Longest pattern of positions that is followed; beyond it what is read is called irregular."""


@dataclass(frozen=True, slots=True)
class Window:
    """Output position q n + r, of n phases, reads from low[r] + q step to high[r] + q step of what lies before.

    A convolution has one phase; stretching by two has two, since even and odd positions read differently.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    step: int

    @classmethod
    def moving(cls, jump: Fraction) -> Window:
        """A window that moves by `jump` positions from one output to the next and reads one position."""
        return cls((0,) * jump.denominator, (0,) * jump.denominator, jump.numerator)

    @property
    def is_followed(self) -> bool:
        """False for a pattern that is too long, of which only the first phases are there."""
        return len(self.low) <= MAX_PHASES

    @property
    def size(self) -> int:
        """The most positions, first to last, that any output position reads."""
        return max(high - low for low, high in zip(self.low, self.high, strict=True)) + 1

    @property
    def least_size(self) -> int:
        """The fewest positions that any output position reads: after stretching, phases differ."""
        return min(high - low for low, high in zip(self.low, self.high, strict=True)) + 1

    @property
    def jump(self) -> Fraction:
        """How far the window moves from one output position to the next."""
        return Fraction(self.step, len(self.low))

    @property
    def centre(self) -> Fraction:
        """Where the window of output position 0 is centred, its phases averaged."""
        phases = len(self.low)
        return Fraction(sum(self.low) + sum(self.high), 2 * phases) - self.jump * (phases - 1) / 2

    def is_centred_like(self, other: Window) -> bool:
        """Whether the centres are equal."""
        if len(self.low) == len(other.low) == 1:
            return self.low[0] + self.high[0] == other.low[0] + other.high[0]
        return self.centre == other.centre

    def over(self, before: Window) -> Window | None:
        """This window on the outputs of the one before, in positions of what that one reads.

        None where the pattern of the two together is longer than MAX_PHASES. Work is linear in the phases.
        """
        if not self.is_followed:
            return None
        if len(before.low) == 1:
            low, high, step = before.low[0], before.high[0], before.step
            lows = tuple(low + place * step for place in self.low)
            return Window(lows, tuple(high + place * step for place in self.high), self.step * step)
        repeats = len(before.low) // gcd(len(before.low), self.step)
        if repeats * len(self.low) > MAX_PHASES:
            return None
        repeated, (first, last) = self.repeated(repeats), before.ends()
        ranges = list(zip(repeated.low, repeated.high, strict=True))
        lows = tuple(first(*places) for places in ranges)
        highs = tuple(last(*places) for places in ranges)
        return Window(lows, highs, repeated.step // len(before.low) * before.step)

    def ends(self) -> tuple[Callable[[int, int], int], Callable[[int, int], int]]:
        """What the outputs from one position to another read first, and last: ends of the range if reads only rise."""
        rises = all(
            following >= place
            for ends in (self.low, self.high)
            for place, following in pairwise((*ends, ends[0] + self.step))
        )
        if rises:
            return lambda first, _: self.low_at(first), lambda _, last: self.high_at(last)
        return self.lowest, self.highest

    def low_at(self, position: int) -> int:
        """The first position that an output position reads."""
        turns, phase = divmod(position, len(self.low))
        return self.low[phase] + turns * self.step

    def high_at(self, position: int) -> int:
        """The last position that an output position reads."""
        turns, phase = divmod(position, len(self.high))
        return self.high[phase] + turns * self.step

    def lowest(self, first: int, last: int) -> int:
        """The first position that any of these outputs reads; not always that of the first output."""
        return min(self.low_at(place) for place in range(first, min(last, first + len(self.low) - 1) + 1))

    def highest(self, first: int, last: int) -> int:
        """The last position that any of these outputs reads."""
        return max(self.high_at(place) for place in range(max(first, last - len(self.low) + 1), last + 1))

    def repeated(self, times: int) -> Window:
        """The same window with its phases written `times` times over."""
        lows = tuple(low + turn * self.step for turn in range(times) for low in self.low)
        highs = tuple(high + turn * self.step for turn in range(times) for high in self.high)
        return Window(lows, highs, self.step * times)

    def hull(self, other: Window) -> Window | None:
        """What either reads; None where they move at different speeds."""
        phases = lcm(len(self.low), len(other.low))
        if self.jump != other.jump or phases > MAX_PHASES:
            return None
        one, two = self.repeated(phases // len(self.low)), other.repeated(phases // len(other.low))
        return Window(tuple(map(min, one.low, two.low)), tuple(map(max, one.high, two.high)), one.step)


IDENTITY = Window((0,), (0,), 1)


def taps(kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Window:
    """A convolution or pooling window: from its first tap to its last, moving by s."""
    read = tap_positions(kernel, dilation, padding)
    return Window((read[0],), (read[-1],), stride)


def shifted(offset: int, step: int = 1) -> Window:
    """Reads one position: what padding (a negative offset), cropping and slicing do."""
    return Window((offset,), (offset,), step)


def transposed(kernel: int, stride: int, padding: int, dilation: int) -> Window:
    """A transposed convolution: output y reads the i for which y + p - s i = d t, for a tap t from 0 to k - 1."""
    reads = [_transposed_reads(kernel, stride, phase + padding, dilation) for phase in _phases(stride)]
    return Window(tuple(low for low, _ in reads), tuple(high for _, high in reads), 1)


def _transposed_reads(kernel: int, stride: int, place: int, dilation: int) -> tuple[int, int]:
    inputs = [(place - tap) // stride for tap in tap_positions(kernel, dilation) if (place - tap) % stride == 0]
    return (min(inputs), max(inputs)) if inputs else (place // stride, place // stride)


def blocks(before: int, after: int) -> Window:
    """Adaptive pooling: output i reads from floor(i before / after) to ceil((i + 1) before / after) - 1."""
    phases, step = _reduced(after, before)
    lows = tuple(place * before // after for place in _phases(phases))
    return Window(lows, tuple(-(-(place + 1) * before // after) - 1 for place in _phases(phases)), step)


def stretched(factor: int) -> Window:
    """Each position repeated: nearest upsampling by a whole factor, pixel shuffle."""
    return Window((0,) * len(_phases(factor)), (0,) * len(_phases(factor)), 1)


def nearest(before: int, after: int, exact: bool = False) -> Window:
    """Nearest resizing: output i reads floor(i before / after), or floor((i + 1/2) before / after) when exact."""
    phases, step = _reduced(after, before)
    half = 1 if exact else 0
    lows = tuple((2 * place + half) * before // (2 * after) for place in _phases(phases))
    return Window(lows, lows, step)


def interpolated(before: int, after: int, corners: bool, margin: int = 0) -> Window:
    """Linear resizing: the positions on both sides of (i + 1/2) before / after - 1/2; a cubic has a margin of 1.

    With aligned corners they lie around i (before - 1) / (after - 1).
    """
    corners = corners and after > 1 and before > 1
    ratio = Fraction(before - 1, after - 1) if corners else Fraction(before, after)
    offset = Fraction(0) if corners else (ratio - 1) / 2
    places = [place * ratio + offset for place in _phases(ratio.denominator)]
    lows = tuple(place.numerator // place.denominator - margin for place in places)
    return Window(lows, tuple(-(-place.numerator // place.denominator) + margin for place in places), ratio.numerator)


def smoothed(before: int, after: int, width: int) -> Window:
    """Antialiased resizing: the kernel of half that width grows with the ratio when shrinking."""
    ratio = Fraction(before, after)
    reach = width * max(ratio, Fraction(1))
    centres = [(place + Fraction(1, 2)) * ratio for place in _phases(ratio.denominator)]
    lows = tuple(int((centre - reach + Fraction(1, 2)) // 1) for centre in centres)
    return Window(lows, tuple(int((centre + reach + Fraction(1, 2)) // 1) - 1 for centre in centres), ratio.numerator)


def _reduced(after: int, before: int) -> tuple[int, int]:
    common = gcd(after, before)
    return after // common, before // common


def _phases(number: int) -> range:
    """All phases of a pattern, or one more than are followed."""
    return range(min(number, MAX_PHASES + 1))
