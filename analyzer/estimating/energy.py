"""What an inference costs in energy, as an order of magnitude: stated constants times operations and bytes.

M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9: a 45 nm process.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from analyzer.estimating.work import OperatorWork, fused_work
from analyzer.formulas.count import Count
from analyzer.values.estimates import EnergyEstimate, LayerEnergy, Span

PICO: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Constants:
    """Picojoules of one addition and of one multiplication."""

    add: float
    multiply: float


CONSTANTS: Final = {
    "float32": Constants(0.9, 3.7),
    "float16": Constants(0.4, 1.1),
    "bfloat16": Constants(0.4, 1.1),
    "int8": Constants(0.03, 0.2),
    "int32": Constants(0.1, 3.1),
}
DRAM_BYTE: Final = 160.0
"""Picojoules a byte: 640 for a 32-bit word."""
FACTOR: Final = 10.0
"""The range is this wide on either side: newer processes take less, and caches serve part of the reads."""
ASSUMPTIONS: Final = (
    "constants of a 45 nm process (Horowitz, ISSCC 2014): {add} pJ an addition and {multiply} pJ a multiplication in "
    "{dtype}, 160 pJ a byte of DRAM",
    "every input, weight and output goes through DRAM once, fused elementwise work moves nothing: what moves fewer "
    "bytes is favoured, on caches the movement is less",
    "newer processes take several times less for an operation and less so for a byte",
)


def energy_estimate(count: Count) -> EnergyEstimate | None:
    """One inference in joules, by layer; None where no constants are known for the data type of the arithmetic."""
    works = fused_work(count)
    dtype = max(works, key=lambda work: work.macs, default=OperatorWork("", "view", 0, 0)).dtype
    if dtype not in CONSTANTS:
        return None
    layers = _layers(works, dtype)
    arithmetic, movement = sum(layer.arithmetic for layer in layers), sum(layer.movement for layer in layers)
    middle, known = arithmetic + movement, CONSTANTS[dtype]
    return EnergyEstimate(
        dtype=dtype,
        arithmetic=arithmetic,
        movement=movement,
        span=Span(middle / FACTOR, middle * FACTOR),
        layers=layers,
        assumptions=tuple(text.format(add=known.add, multiply=known.multiply, dtype=dtype) for text in ASSUMPTIONS),
    )


def joules(work: OperatorWork, dtype: str) -> tuple[float, float]:
    """Joules of arithmetic, MACs · (multiply + add) + other FLOPs · add, and of movement, bytes · 160 pJ."""
    known = CONSTANTS.get(work.dtype, CONSTANTS[dtype])
    arithmetic = work.macs * (known.multiply + known.add) + work.other_flops * known.add
    return arithmetic * PICO, work.nbytes * DRAM_BYTE * PICO


def _layers(works: tuple[OperatorWork, ...], dtype: str) -> tuple[LayerEnergy, ...]:
    sums: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for work in works:
        (arithmetic, movement), (before, moved) = joules(work, dtype), sums[work.layer]
        sums[work.layer] = (before + arithmetic, moved + movement)
    return tuple(LayerEnergy(path, *both) for path, both in sums.items() if any(both))
