"""What a device can do at most: peak arithmetic by data type, and memory bandwidth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Annotated, Final

import msgspec

from analyzer.values.errors import Problem

DEFAULT: Final = "laptop-core"
THIS: Final = "this"
"""The name of the profile that is measured on the machine it runs on."""
MIB: Final = 2**20
SHORT: Final = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8"}
"""Data types as the names of profiles spell them."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device profile; its figures are nominal peaks, which no layer reaches."""

    name: str
    flops: Mapping[str, float]
    """Peak FLOP/s (a multiply-add is two) by data type."""
    bandwidth: float
    """Bytes/s between the compute units and the memory that holds activations and weights."""
    kind: str
    source: str
    """Where the figures come from, in words."""
    launch: float = 0.0
    """Seconds that it takes at least to start one kernel, however little that does."""
    is_measured: bool = False
    """Whether the figures were measured on this machine: then they are attainable, not peaks."""
    flash: int | None = None
    """Bytes for weights where they lie in memory of their own; None where there is no such limit."""
    ram: int | None = None
    """Bytes for activations on such a device."""

    def peak(self, dtype: str) -> float:
        """FLOP/s in this data type; one that has no figure runs at the slowest rate that has."""
        return self.flops.get(dtype, min(self.flops.values()))

    def name_in(self, dtype: str) -> str:
        """The profile's name, with the data type where the device has several: "a100-fp16"."""
        if len(self.flops) == 1:
            return self.name
        slowest = min(self.flops, key=self.flops.__getitem__)
        return f"{self.name}-{SHORT[dtype if dtype in self.flops else slowest]}"


PRESETS: Final = (
    Device(
        "cortex-m7",
        {"float32": 0.96e9, "int8": 1.92e9},
        1.92e9,
        "microcontroller",
        "nominal: 480 MHz core, one fp32 or two 16-bit multiply-adds a cycle; 64-bit bus at 240 MHz; 2 MiB and 1 MiB",
        flash=2 * MIB,
        ram=MIB,
    ),
    Device(
        "raspberry-pi",
        {"float32": 48e9},
        12.8e9,
        "board",
        "nominal: four Cortex-A72 cores at 1.5 GHz, one 128-bit multiply-add a cycle; 32-bit LPDDR4-3200",
    ),
    Device(
        "phone-cpu",
        {"float32": 153.6e9, "float16": 307.2e9},
        34.1e9,
        "phone",
        "nominal: four Cortex-A78 cores at 2.4 GHz, two 128-bit multiply-adds a cycle; 64-bit LPDDR4X-4266",
    ),
    Device(
        "laptop-core",
        {"float32": 100e9},
        20e9,
        "cpu",
        "nominal: one AVX2 core at about 3 GHz, two 256-bit multiply-adds a cycle; what one core can read",
    ),
    Device(
        "laptop-4-cores",
        {"float32": 400e9},
        40e9,
        "cpu",
        "nominal: four times the arithmetic of laptop-core; about 80 % of two channels of DDR4-3200",
    ),
    Device(
        "jetson-orin-nano",
        {"float32": 1.28e12, "float16": 10e12, "int8": 20e12},
        68e9,
        "gpu module",
        "nominal: the 8 GB module's 1024 cores at 625 MHz, its 40 sparse int8 TOPS halved for dense; 128-bit LPDDR5",
        launch=10e-6,
    ),
    Device(
        "t4",
        {"float32": 8.1e12, "float16": 65e12, "int8": 130e12},
        320e9,
        "gpu",
        "nominal: the vendor's peaks, fp16 and int8 on Tensor Cores; 256-bit GDDR6",
        launch=4e-6,
    ),
    Device(
        "v100",
        {"float32": 15.7e12, "float16": 125e12},
        900e9,
        "gpu",
        "nominal: the vendor's peaks of the SXM2 card, fp16 on Tensor Cores; HBM2",
        launch=4e-6,
    ),
    Device(
        "a100",
        {"float32": 19.5e12, "float16": 312e12, "bfloat16": 312e12, "int8": 624e12},
        1555e9,
        "gpu",
        "nominal: the vendor's dense peaks of the 40 GB card, fp32 without TF32, the rest on Tensor Cores; HBM2",
        launch=4e-6,
    ),
)


def device_for(name: str = DEFAULT) -> Device:
    """The preset of this name, "a100", or of one data type of it, "a100-fp16"; Problem names the nearest ones."""
    known = _profiles()
    if name.lower() in known:
        return known[name.lower()]
    near = get_close_matches(name.lower(), [*known, THIS], n=3, cutoff=0.5) or [device.name for device in PRESETS]
    own = f"{THIS!r} is this machine, measured; your own takes peak_gflops and bandwidth_gbs in the configuration"
    raise Problem(f"there is no device {name!r}; nearest: {', '.join(near)}; {own}")


def _profiles() -> dict[str, Device]:
    whole = {device.name: device for device in PRESETS}
    parts = (
        replace(device, name=device.name_in(dtype), flops={dtype: rate})
        for device in PRESETS
        if len(device.flops) > 1
        for dtype, rate in device.flops.items()
    )
    return whole | {part.name: part for part in parts}


_Positive = Annotated[float, msgspec.Meta(gt=0)]


class _Figures(msgspec.Struct, forbid_unknown_fields=True):
    peak_gflops: _Positive
    bandwidth_gbs: _Positive
    flash_kib: _Positive | None = None
    ram_kib: _Positive | None = None


def device_from(name: str, figures: Mapping[str, object]) -> Device:
    """A device of the user's own: `peak_gflops` (10⁹ FLOP/s, any data type) and `bandwidth_gbs` (10⁹ bytes/s).

    A small device may have `flash_kib` for weights and `ram_kib` for activations (1024 bytes). Raises Problem for
    other keys, and for what is no positive number.
    """
    try:
        given = msgspec.convert(dict(figures), _Figures)
    except msgspec.ValidationError as error:
        wanted = "it takes peak_gflops and bandwidth_gbs, both positive numbers"
        raise Problem(f"device {name!r}: {str(error).rstrip('.')}; {wanted}") from None
    flops = {"float32": given.peak_gflops * 1e9}
    flash, ram = (None if size is None else int(size * 1024) for size in (given.flash_kib, given.ram_kib))
    source = "given in the configuration"
    return Device(name, flops, given.bandwidth_gbs * 1e9, "own", source, flash=flash, ram=ram)
