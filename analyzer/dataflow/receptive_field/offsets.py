"""Sets of positions that taps read, and their sums along a chain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offsets:
    """A set of integers: bit i of `bits` stands for low + i, and bit 0 is set."""

    low: int
    bits: int

    @property
    def field(self) -> int:
        """From the first to the last."""
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


def tap_offsets(kernel: int, dilation: int = 1, padding: int = 0) -> Offsets:
    """Where the taps of a convolution lie: d t - p for t from 0 to k - 1."""
    return Offsets(-padding, sum(1 << dilation * tap for tap in range(kernel)))
