"""A picture of promise against clock as SVG: shares of MACs and time by layer, ratios of both by proposal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from analyzer.formats.figures import figure_style as style
from analyzer.values.results import Analysis
from analyzer.values.timings import Latency, ProposalTiming

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 4.0
"""Inches."""
NAMED, APART = 5, 1.25
"""The most layers that carry names, those whose time is most above their MACs; and the least ratio between two."""
# Okabe and Ito's palette, and marks that tell rules apart without colour.
COLOURS = (style.PARAMS_COLOUR, style.MACS_COLOUR, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", style.INK)
MARKS = "osD^vPX"


class Dot(NamedTuple):
    """A share or a ratio of MACs, and the one of time."""

    macs: float
    time: float
    name: str


def render(analysis: Analysis) -> str | None:
    """The figure; None when nothing was timed that it could show."""
    latency = analysis.latency
    shares = list(layer_dots(latency)) if latency else []
    groups = proposal_dots(latency.proposals) if latency else {}
    if not shares and not groups:
        return None

    def draw(figure: Figure) -> None:
        figure.subplots_adjust(0.08, 0.13, 0.98, 0.91, wspace=0.22)
        layers, proposals = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
        _draw_layers(layers, shares)
        _draw_proposals(proposals, groups)

    return style.svg(f"{analysis.model.name}: promised work against measured time", style.WIDTH, HEIGHT, draw)


def layer_dots(latency: Latency) -> Iterator[Dot]:
    """Shares in percent of the layers that have MACs and a time that can be trusted."""
    timed = [(layer, layer.in_context) for layer in latency.layers if layer.in_context]
    seconds = sum(timing.median for _, timing in timed)
    macs = sum(layer.macs or 0 for layer in latency.layers)
    for layer, timing in timed:
        if layer.macs and timing.median and not timing.noise:
            yield Dot(100 * layer.macs / macs, 100 * timing.median / seconds, layer.path)


def proposal_dots(timed: Sequence[ProposalTiming]) -> dict[str, list[Dot]]:
    """By rule, the ratios that can be trusted; a proposal that leaves no MACs has no place on the axis."""
    found: dict[str, list[Dot]] = {}
    for item in sorted(timed, key=lambda item: item.rule):
        if item.macs_ratio and item.ratio and not item.ratio.noise:
            dot = Dot(item.macs_ratio, item.ratio.median, item.paths[0])
            found.setdefault(f"{item.rule} {item.name}", []).append(dot)
    return found


def _draw_layers(axes: Axes, dots: Sequence[Dot]) -> None:
    style.headline(axes, "Layers: share of MACs and of time, %")
    axes.scatter([dot.macs for dot in dots], [dot.time for dot in dots], s=14, color=style.PARAMS_COLOUR, alpha=0.7)
    for dot in named(dots):
        axes.annotate(dot.name, (dot.macs, dot.time), xytext=(4, 3), textcoords="offset points", size=7)
    _finish(axes, dots, "share of MACs", "share of time")


def named(dots: Sequence[Dot]) -> list[Dot]:
    """The dots that lie most above the diagonal, none near another one."""
    chosen: list[Dot] = []
    for dot in sorted(dots, key=lambda dot: -dot.time / dot.macs):
        # Dots are apart where their MACs or their times are.
        pairs = [((dot.macs, other.macs), (dot.time, other.time)) for other in chosen]
        if len(chosen) < NAMED and all(any(max(pair) >= APART * min(pair) for pair in both) for both in pairs):
            chosen.append(dot)
    return chosen


def _draw_proposals(axes: Axes, groups: dict[str, list[Dot]]) -> None:
    style.headline(axes, "Proposals: MACs and time, against now")
    for number, (rule, dots) in enumerate(groups.items()):
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        across, up = [dot.macs for dot in dots], [dot.time for dot in dots]
        axes.scatter(across, up, s=20, alpha=0.8, label=rule, color=colour, marker=mark)
    axes.axhline(1, color=style.INK, linewidth=0.6, linestyle=(0, (2, 3)))
    _finish(axes, [dot for dots in groups.values() for dot in dots], "MACs ratio", "time ratio")
    if groups:
        axes.legend(loc="lower right", frameon=False, fontsize=7)


def _finish(axes: Axes, dots: Sequence[Dot], across: str, up: str) -> None:
    """Equal logarithmic axes; on the diagonal time follows the MACs."""
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    if not dots:
        axes.text(0.5, 0.5, "nothing that noise does not hide", transform=axes.transAxes, ha="center")
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    values = [value for dot in dots for value in (dot.macs, dot.time)]
    ends = min(values) / 1.5, max(values) * 1.5
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.plot(ends, ends, color=style.INK, linewidth=0.6)
    style.grid(axes, "both")
