"""A picture of how much memory a forward holds along its depth, as SVG."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from analyzer.formats.figures import depth_panels
from analyzer.formats.figures import figure_style as style
from analyzer.formats.wording.numbers import BYTE_UNITS, ITSELF, size
from analyzer.values.estimates import MemoryEstimate, MemoryPoint
from analyzer.values.results import Analysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

MAX_STEPS: Final = 400
CAPTION: Final = "layers in execution order; the most that each holds while it runs, inputs and weights not included"


def render(analysis: Analysis) -> str:
    """The curve, its peak marked, and the model's stages below; empty where memory was not estimated."""
    if analysis.estimates is None or not analysis.estimates.memory.curve:
        return ""
    estimate = analysis.estimates.memory
    points = thinned(estimate.curve, MAX_STEPS)
    panel = partial(_draw, points=points, estimate=estimate)
    title = f"{analysis.model.name}: memory of activations along its depth"
    return depth_panels.svg(title, [point.path for point in points], [panel], CAPTION)


def thinned(curve: Sequence[MemoryPoint], most: int) -> tuple[MemoryPoint, ...]:
    """At most so many points: of neighbours the one that holds most."""
    step = -(-len(curve) // most) or 1
    parts = (curve[start : start + step] for start in range(0, len(curve), step))
    return tuple(max(part, key=lambda point: point.nbytes) for part in parts)


def _draw(axes: Axes, points: Sequence[MemoryPoint], estimate: MemoryEstimate) -> None:
    values = [point.nbytes for point in points] or [0]
    most = max(values)
    axes.stairs(values, range(len(values) + 1), fill=True, color=style.PARAMS_COLOUR)
    axes.set_xlim(0, len(values))
    axes.set_xticks([])
    axes.set_ylim(0, 1.08 * most or 1)
    _value_axis(axes, most)
    axes.plot([values.index(most) + 0.5], [most], marker="v", color=style.MACS_COLOUR, markersize=6, clip_on=False)
    style.headline(axes, "Memory of activations", style.PARAMS_COLOUR)
    where = f" in {estimate.layer or ITSELF}" if estimate.operator else ""
    axes.set_title(f"peak {size(estimate.peak_bytes)}{where}", loc="right", size=8.5)


def _value_axis(axes: Axes, most: int) -> None:
    """Ticks at round numbers of the unit of the largest."""
    power = min(max((most.bit_length() - 1) // 10, 0), len(BYTE_UNITS) - 1)
    unit = 1024**power
    step = next((number for number in (1, 2, 5, 10, 20, 50, 100, 200, 500) if number * unit * 4 >= most), 1024)
    ticks = range(0, most + 1, step * unit)
    axes.set_yticks(list(ticks), [f"{tick // unit}{BYTE_UNITS[power] if tick else ''}" for tick in ticks])
    style.grid(axes)
