"""Whether a model fits a small device: weights in its flash, activations in its RAM."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from analyzer.estimating.peak_memory_estimate import input_bytes
from analyzer.formulas.count import Count
from analyzer.formulas.peak_memory import held_bytes
from analyzer.values.devices import Device
from analyzer.values.estimates import Deployability, DeviceFit
from analyzer.values.graph import Parameter

SIZES: Final = {"float32": 4, "float16": 2, "int8": 1}
FLOATING: Final = ("float", "bfloat")
ASSUMPTIONS: Final = (
    "flash holds parameters and buffers, RAM the inputs and what the forward holds at once; code, stack and the "
    "runtime's own memory come on top",
    "all floating-point numbers take the data type's bytes; quantization's scales are left out",
    "an engine that works in place or in tiles may need less RAM",
)


def deployability(count: Count, device: Device) -> Deployability | None:
    """The model's bytes at fp32, fp16 and int8 against the device's; None for a device without such limits."""
    if device.flash is None or device.ram is None:
        return None
    fits = tuple(_fit(count, dtype, device.flash, device.ram) for dtype in SIZES)
    return Deployability(device.name, device.flash, device.ram, fits, ASSUMPTIONS)


def _fit(count: Count, dtype: str, flash_limit: int, ram_limit: int) -> DeviceFit:
    places = {module.path: place for place, module in enumerate(count.trace.modules)}
    stored = sorted((*count.parameters, *count.buffers), key=lambda item: places.get(item.owner, len(places)))
    totals = list(accumulate(_stored(item, SIZES[dtype]) for item in stored))
    held = _held(count, SIZES[dtype])
    owners = list(count.owners.values())
    return DeviceFit(
        dtype=dtype,
        flash=totals[-1] if totals else 0,
        ram=max(held, default=0),
        flash_breaker=_first_above(flash_limit, totals, [item.owner for item in stored]),
        ram_breaker=_first_above(ram_limit, held, owners),
    )


def _stored(item: Parameter, size: int) -> int:
    return item.numel * (size if item.dtype.startswith(FLOATING) else item.itemsize)


def _held(count: Count, size: int) -> list[int]:
    """Bytes at each operator, inputs included, as if the traced data type were one of `size` bytes an element."""
    traced = max((p.itemsize for p in count.parameters if p.dtype.startswith(FLOATING)), default=4)
    inputs = input_bytes(count.trace.inputs)
    held = held_bytes(count.trace.allocations, len(count.trace.graph))
    return [(inputs + nbytes) * size // traced for nbytes in held]


def _first_above(limit: int, values: Iterable[int], paths: Iterable[str]) -> str | None:
    return next((path for value, path in zip(values, paths, strict=True) if value > limit), None)
