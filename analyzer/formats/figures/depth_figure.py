"""A picture of where parameters and MACs lie along the depth of a model, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from analyzer.formats.figures import depth, depth_panels
from analyzer.formats.figures import figure_style as style
from analyzer.formats.figures.depth import Profile
from analyzer.formats.wording.numbers import COUNT_UNITS, ITSELF, count, plural, share
from analyzer.values.errors import Problem
from analyzer.values.results import Analysis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_BARS = 200
GAP = 0.08
"""Share of its place that a bar leaves free on either side."""
CAPTION = "layers in execution order; the line is the share reached so far"


class Panel(NamedTuple):
    """One quantity along the depth."""

    title: str
    values: tuple[int, ...]
    colour: str


def render(analyses: Sequence[Analysis]) -> str:
    """One panel a quantity, over the same layers in execution order, with the model's stages below.

    Problem when there are several models: their layers have no common axis.
    """
    if len(analyses) != 1:
        raise Problem(
            f"A figure shows one model and there are {len(analyses)}: give one target, or --output report.md."
        )
    (analysis,) = analyses
    profile = depth.profile(analysis)
    panels = [partial(_draw, panel=panel, profile=profile) for panel in _panels(profile)]
    return depth_panels.svg(
        f"{analysis.model.name}: parameters and MACs along its depth", profile.paths, panels, CAPTION
    )


def _panels(profile: Profile) -> tuple[Panel, ...]:
    params = Panel(profile.measure, profile.params, style.PARAMS_COLOUR)
    gaps = f" ({plural(profile.gaps, 'layer')} not counted)" if profile.gaps else ""
    macs = Panel(f"MACs{gaps}", profile.macs, style.MACS_COLOUR)
    return (params, macs) if any(profile.macs) else (params,)


def _draw(axes: Axes, panel: Panel, profile: Profile) -> None:
    number = len(panel.values)
    width = -(-number // MAX_BARS) or 1
    # Every second step is the gap after a bar, so that all bars together are a single path.
    edges = [edge for start in range(0, number, width) for edge in (start + GAP * width, start + width - GAP * width)]
    heights = [height for value in depth.binned(panel.values, width) for height in (value, 0)]
    axes.stairs(heights[:-1] or [0], edges or [0, 1], fill=True, color=panel.colour)
    axes.set_xlim(0, number or 1)
    axes.set_xticks([])
    _value_axis(axes, panel)
    _cumulative(axes, panel.values)
    each = f" per {width} layers" if width > 1 else ""
    style.headline(axes, f"{panel.title}{each}", panel.colour)
    axes.set_title(_summary(panel.values, profile.paths), loc="right", size=8.5)


def _summary(values: Sequence[int], paths: Sequence[str]) -> str:
    whole = sum(values)
    if not whole:
        return "none"
    most = max(range(len(values)), key=lambda index: values[index])
    name = paths[most] or ITSELF
    return f"total {count(whole)}, most in {name}: {count(values[most])} ({share(values[most], whole)})"


def _value_axis(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    most = max(panel.values, default=0)
    axes.set_ylim(0, None if most else 1)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True))
    # All ticks are in the unit of the largest.
    power = min((len(str(most)) - 1) // 3, len(COUNT_UNITS) - 1)
    unit = COUNT_UNITS[power]
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000**power:g}{unit if value else ''}"))
    style.grid(axes)


def _cumulative(axes: Axes, values: Sequence[int]) -> None:
    """The share reached so far, on an axis of its own at the right."""
    whole = sum(values) or 1
    sums = [0, *accumulate(values)]
    step = -(-len(sums) // MAX_BARS) or 1
    picked = sorted({*range(0, len(sums), step), len(sums) - 1})
    right = axes.twinx()
    right.plot(picked, [100 * sums[index] / whole for index in picked], color=style.INK, linewidth=1, clip_on=False)
    right.set_ylim(0, 105)
    right.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"])
