"""Where the time of a layer would go: the roofline of a device, for a verdict and a ratio, never for milliseconds.

t = max(2 · MACs / peak FLOP/s, bytes / bandwidth) for a layer and the sum of it for several, after Williams,
Waterman and Patterson, "Roofline: an insightful visual performance model" (2009).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Literal

from analyzer.values.convolution import Convolution
from analyzer.values.devices import Device

Bound = Literal["compute", "memory"]


@dataclass(frozen=True, slots=True)
class Work:
    """What one layer asks of a device: multiply-accumulates, and bytes read and written."""

    macs: int
    nbytes: int


def bytes_moved(convolution: Convolution, itemsize: int | None = None) -> int:
    """itemsize · (N · Cin · ∏in + N · Cout · ∏out + params): each element once, as if caches were perfect.

    `itemsize` in bytes, the convolution's own unless given; ValueError when the convolution is not placed.
    """
    if len(convolution.input_size) != convolution.dimension:
        raise ValueError("bytes moved need the size of the input: place the convolution first")
    inputs = convolution.batch * convolution.in_channels * prod(convolution.input_size)
    outputs = convolution.batch * convolution.out_channels * prod(convolution.output_size)
    return (itemsize or convolution.itemsize) * (inputs + outputs + convolution.params)


def intensity(macs: int, nbytes: int) -> float:
    """FLOP per byte moved."""
    return 2 * macs / nbytes


def bound(macs: int, nbytes: int, device: Device, dtype: str = "float32") -> Bound:
    """What takes longer at the device's peaks: the arithmetic or the memory traffic."""
    return "memory" if nbytes / device.bandwidth > 2 * macs / device.peak(dtype) else "compute"


def bound_text(macs: int, nbytes: int, device: Device, dtype: str = "float32") -> str:
    """The verdict as the report prints it: "memory-bound on a100-fp16"."""
    return f"{bound(macs, nbytes, device, dtype)}-bound on {device.name_in(dtype)}"


def speed_up_bound(before: Iterable[Work], after: Iterable[Work], device: Device, dtype: str = "float32") -> float:
    """Old time over new time at the device's peaks, layers one after the other; below 1 it would be slower.

    A bound on what to hope for, without launch costs: it says whether saved MACs could reach the clock at all.
    """
    return _time(before, device, dtype) / _time(after, device, dtype)


def _time(layers: Iterable[Work], device: Device, dtype: str) -> float:
    return sum(max(2 * work.macs / device.peak(dtype), work.nbytes / device.bandwidth) for work in layers)
