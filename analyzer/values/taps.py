"""Which positions along one axis the taps of a convolution read, and how those of stacked layers add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from analyzer.values.convolution import Convolution


def taps(kernel: int, dilation: int = 1, padding: int = 0) -> range:
    """Where output 0 reads: tap t at d t - p, for t from 0 to k - 1."""
    return range(-padding, dilation * (kernel - 1) - padding + 1, dilation)


def taps_along(convolution: Convolution, axis: int) -> range:
    """The same of a convolution along one of its axes."""
    return taps(convolution.kernel[axis], convolution.dilation[axis], convolution.padding[axis])


@dataclass(frozen=True, slots=True)
class Offsets:
    """A set of integers: bit i of `bits` stands for low + i, and bit 0 is set."""

    low: int
    bits: int

    @classmethod
    def of(cls, positions: Iterable[int]) -> Offsets:
        """The set of these positions, of which there is at least one."""
        found = tuple(positions)
        low = min(found)
        bits = 0
        for position in found:
            bits |= 1 << position - low
        return cls(low, bits)

    @property
    def field(self) -> int:
        """Positions from the first to the last, both included."""
        return self.bits.bit_length()

    @property
    def holes(self) -> int:
        """Integers in between that are missing."""
        return self.field - self.bits.bit_count()

    def __add__(self, other: Offsets) -> Offsets:
        """The Minkowski sum."""
        bits, rest, place = 0, other.bits, 0
        while rest:
            skipped = (rest & -rest).bit_length() - 1
            place, rest = place + skipped, rest >> skipped
            bits |= self.bits << place
            place, rest = place + 1, rest >> 1
        return Offsets(self.low + other.low, bits)

    def __or__(self, other: Offsets) -> Offsets:
        """The union."""
        low = min(self.low, other.low)
        return Offsets(low, self.bits << (self.low - low) | other.bits << (other.low - low))

    def covers(self, other: Offsets) -> bool:
        """Whether every integer of the other is one of these."""
        return (self | other) == self


POINT = Offsets(0, 1)


def reached(chain: Iterable[Iterable[int]]) -> Offsets:
    """Inputs along one axis that one output of stacked layers reads: the sum of their taps, in any order.

    Taps are in steps of the chain's input: those of a layer after a stride s are s times as far apart.
    """
    return sum(map(Offsets.of, chain), POINT)


def share_read(convolution: Convolution) -> Fraction:
    """The share of its inputs that a convolution reads: by axis, the distinct d t mod s over the taps t, over s."""
    axes = zip(convolution.kernel, convolution.dilation, convolution.stride, strict=True)
    return prod((Fraction(len({tap % s for tap in taps(k, d)}), s) for k, d, s in axes), start=Fraction(1))
