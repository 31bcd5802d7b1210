"""Where the time of an operator would go at the peaks of a device: the one roofline of advice, facts and estimates.

max(2 · MACs / peak FLOP/s, bytes / bandwidth), after Williams, Waterman and Patterson, "Roofline: an insightful visual
performance model" (2009), plus what it takes to start a kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analyzer.values.devices import Device

Bound = Literal["compute", "memory", "overhead"]
BOUNDS: Final[tuple[Bound, ...]] = ("compute", "memory", "overhead")


@dataclass(frozen=True, slots=True)
class Parts:
    """Seconds of one operator, by what takes them."""

    compute: float
    memory: float
    overhead: float = 0.0
    is_sum: bool = False

    @property
    def seconds(self) -> float:
        """One after the other where that was calibrated, else at the same time."""
        busy = self.compute + self.memory if self.is_sum else max(self.compute, self.memory)
        return busy + self.overhead


def parts_at_peak(macs: int, nbytes: int, dtype: str, device: Device) -> Parts:
    """Seconds that so much work takes at least: 2 · MACs / peak, bytes / bandwidth, and the launch of a kernel.

    What neither computes nor moves anything launches none.
    """
    starts = device.launch if nbytes or macs else 0.0
    return Parts(2 * macs / device.peak(dtype), nbytes / device.bandwidth, starts)


def bound_of(parts: Sequence[Parts]) -> Bound:
    """What takes most of the time of operators one after the other."""
    shares = {bound: sum(getattr(part, bound) for part in parts) for bound in BOUNDS}
    return max(BOUNDS, key=shares.__getitem__) if any(shares.values()) else "overhead"


def attainable(macs: int, nbytes: int, dtype: str, device: Device) -> float:
    """Share of the peak arithmetic that the intensity allows: min(1, intensity · bandwidth / peak)."""
    return min(1.0, 2 * macs / nbytes * device.bandwidth / device.peak(dtype)) if nbytes else 1.0
