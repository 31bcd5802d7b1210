"""A picture of how the costs grow with the sizes of the inputs, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.formats.figures import figure_style as style
from analyzer.formats.wording.numbers import count, size
from analyzer.values.growth import growth_crossovers
from analyzer.values.results import Analysis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.values.size_sweeps import SizedTotal

HEIGHT = style.PANEL + style.BOTTOM + 0.2
"""Inches, with a label below the axis."""


def render(analysis: Analysis) -> str:
    """MACs and peak memory over the first size that changes; empty where fewer than two sizes were asked for."""
    name, points = _line(analysis.sizes)
    if len(points) < 2:
        return ""

    def draw(figure: Figure) -> None:
        bottom, top = (style.BOTTOM + 0.2) / HEIGHT, 1 - style.TOP / HEIGHT
        figure.subplots_adjust(style.LEFT, bottom, style.RIGHT, top, wspace=0.25)
        work, memory = figure.subplots(1, 2)
        _curve(work, points, name, "MACs", style.MACS_COLOUR, lambda sized: sized.total.macs, count)
        peak = "Peak memory of activations"
        _curve(memory, points, name, peak, style.PARAMS_COLOUR, lambda sized: sized.total.peak_activation_bytes, size)
        _crossover(work, analysis, name, points)

    return style.svg(f"{analysis.model.name}: costs by {name}", style.WIDTH, HEIGHT, draw)


def _line(sizes: Sequence[SizedTotal]) -> tuple[str, list[SizedTotal]]:
    """The first size that changes, and for each of its values the first total."""
    for name in sizes[0].sizes if sizes else ():
        by_size: dict[int, SizedTotal] = {}
        for sized in sizes:
            by_size.setdefault(sized.sizes[name], sized)
        if len(by_size) > 1:
            return name, [by_size[value] for value in sorted(by_size)]
    return "", []


def _curve(
    axes: Axes,
    points: Sequence[SizedTotal],
    name: str,
    title: str,
    colour: str,
    amount: Callable[[SizedTotal], int | None],
    text: Callable[[int | None], str],
) -> None:
    known = [(point.sizes[name], value) for point in points if (value := amount(point)) is not None]
    axes.plot([at for at, _ in known], [value for _, value in known], color=colour, marker=".")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: text(round(value)) if value else "")
    axes.set_xlabel(name, labelpad=1)
    style.grid(axes)
    style.headline(axes, title, colour)


def _crossover(axes: Axes, analysis: Analysis, name: str, points: Sequence[SizedTotal]) -> None:
    """A line where the quickest growing part overtakes the rest, if that is in the picture."""
    for found in growth_crossovers(analysis.scaling) if analysis.scaling else ():
        if name in found.names and points[0].sizes[name] < found.size < points[-1].sizes[name]:
            axes.axvline(found.size, color=style.INK, linewidth=0.8, linestyle="--")
            axes.set_title(f"power {found.power} leads from {found.size:,}", loc="right", size=8.5)
