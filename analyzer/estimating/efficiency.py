"""How much of a CPU's attainable arithmetic and bandwidth each class of operators reaches, as calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from analyzer.estimating.work import Kind
from analyzer.values.estimates import EstimatorError

TABLE: Final = Path(__file__).with_name("efficiency.json")


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Of one class: shares of the FLOP/s and bytes/s that the microbenchmark attains, and seconds of a call at least.

    Shares may be above 1: a cache is faster than a copy through memory.
    """

    arithmetic: float
    bandwidth: float
    overhead: float


@dataclass(frozen=True, slots=True)
class Efficiencies:
    """The calibrated table, with the error that it left."""

    classes: Mapping[Kind, Efficiency]
    error: EstimatorError
    spread: float
    """Of networks that had no part in it, nine of ten took a time within this factor of the estimate."""
    layer_spread: float
    """Of operators that matter, nine of ten did."""


@cache
def calibrated() -> Efficiencies:
    """The table that is part of the package."""
    return msgspec.json.decode(TABLE.read_bytes(), type=Efficiencies)
