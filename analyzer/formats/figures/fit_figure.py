"""A picture of the trade-off that a fitted model lies on, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.formats.figures import figure_style as style
from analyzer.values.fit_results import Fit
from analyzer.values.results import Analysis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = style.PANEL + style.BOTTOM + 0.2
"""Inches, with a label below the axis."""
LEAST = 1e-9
"""Harm below which the logarithmic axis ends."""


def render(analysis: Analysis) -> str:
    """Predicted harm over what is left, the knee and the fitted model marked; empty without a trade-off."""
    fit = analysis.fit
    if fit is None or sum(point.harm > 0 for point in fit.curve) < 2:
        return ""

    def draw(figure: Figure) -> None:
        figure.subplots_adjust(style.LEFT, (style.BOTTOM + 0.2) / HEIGHT, style.RIGHT, 1 - style.TOP / HEIGHT)
        _draw(figure.add_subplot(), fit)

    return style.svg(f"{analysis.model.name}: predicted harm of the best plans", style.WIDTH, HEIGHT, draw)


def _draw(axes: Axes, fit: Fit) -> None:
    points = [point for point in fit.curve if point.harm > 0]
    axes.set_yscale("log")
    axes.plot(
        [100 * p.share for p in points], [max(p.harm, LEAST) for p in points], color=style.PARAMS_COLOUR, marker="."
    )
    axes.set_xlim(100, 100 * points[-1].share)
    style.grid(axes)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    budget = fit.budgets[0]
    left = 100 * (budget.promised if budget.traced is None else budget.traced) / max(budget.before, 1)
    if fit.predicted_harm > 0:
        axes.plot([left], [fit.predicted_harm], marker="v", color=style.MACS_COLOUR, markersize=6, clip_on=False)
    for point in points:
        if point.is_knee:
            axes.annotate("knee", (100 * point.share, point.harm), (0, 7), textcoords="offset points", ha="right")
    axes.set_xlabel(f"% of {budget.metric} left", labelpad=1)
    style.headline(axes, f"Predicted {fit.measure} of the best plans", style.PARAMS_COLOUR)
    axes.set_title("▾ this model", loc="right", color=style.MACS_COLOUR, size=8.5)
