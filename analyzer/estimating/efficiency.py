"""How much of a CPU's attainable arithmetic and bandwidth each class of operators reaches, as it was calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from analyzer.estimates import EstimatorError

TABLE: Final = Path(__file__).with_name("efficiency.json")


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Of one class: shares of the device's attainable FLOP/s and bytes/s, and seconds that each call takes at least."""

    arithmetic: float
    bandwidth: float
    overhead: float


@dataclass(frozen=True, slots=True)
class Efficiencies:
    """The calibrated table, with the error that it left."""

    classes: Mapping[str, Efficiency]
    error: EstimatorError
    layer_spread: float
    """A single operator's time lies within this factor of its estimate nine times out of ten."""

    @property
    def spread(self) -> float:
        """A network's time lies within this factor of its estimate nine times out of ten."""
        return 1 + self.error.p90


@cache
def calibrated() -> Efficiencies:
    """The table that is part of the package."""
    return msgspec.json.decode(TABLE.read_bytes(), type=Efficiencies)
