"""The memory that a forward holds along its depth, and what is alive where that is most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analyzer.formats.figures.memory_figure import thinned
from analyzer.formats.html.embedding import Strings, Wire, wire
from analyzer.values.results import Analysis

MOST_POINTS: Final = 800
MOST_ALIVE: Final = 12


@dataclass(frozen=True, slots=True)
class Alive:
    """A piece of memory at the peak; texts are places of strings."""

    path: int
    operator: int
    nbytes: Wire


@dataclass(frozen=True, slots=True)
class MemoryCurve:
    """The curve, point by point in execution order, and its peak."""

    paths: tuple[int, ...]
    nbytes: tuple[Wire, ...]
    peak: Wire
    layer: int
    alive: tuple[Alive, ...]
    more: int
    """Further pieces at the peak."""
    rest: Wire
    """Their bytes together."""
    workspace: Wire
    """Bytes that the kernel at the peak takes beside tensors."""
    calls: int
    """Points of the whole curve; of neighbours the page may show the one that holds most."""


def memory_curve(analysis: Analysis, strings: Strings) -> MemoryCurve | None:
    """The curve as estimated; None where there is none."""
    estimate = analysis.estimates.memory if analysis.estimates else None
    if estimate is None or not estimate.curve:
        return None
    points, shown, rest = thinned(estimate.curve, MOST_POINTS), estimate.alive[:MOST_ALIVE], estimate.alive[MOST_ALIVE:]
    text = strings.place
    return MemoryCurve(
        paths=tuple(text(point.path) for point in points),
        nbytes=tuple(wire(point.nbytes) for point in points),
        peak=wire(estimate.peak_bytes),
        layer=text(estimate.layer),
        alive=tuple(Alive(text(one.path), text(one.operator), wire(one.nbytes)) for one in shown),
        more=len(rest),
        rest=wire(sum(one.nbytes for one in rest)),
        workspace=wire(estimate.peak_bytes - sum(one.nbytes for one in estimate.alive) if estimate.alive else 0),
        calls=len(estimate.curve),
    )
