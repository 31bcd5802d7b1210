"""Parameters and MACs of many models as a picture: a point each, on logarithmic axes, named where there is room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from analyzer.formats.figures import figure_style as style
from analyzer.formats.wording.numbers import count
from analyzer.values.sweep_rows import Sweep, SweepRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT: Final = 5.6
"""Inches."""
NAME_SIZE: Final = 6.5
LETTER: Final = 0.62 * NAME_SIZE
"""Points that a letter of a name takes in width."""
GAP: Final = 4.0
"""Points between a point and its name."""
Box = tuple[float, float, float, float]
"""Left, bottom, right and top in points."""


def render(sweep: Sweep) -> str:
    """The scatter as SVG; empty where no model has both numbers. Models on the front are in the second colour."""
    rows = [row for row in sweep.analysed if row.params and row.macs]
    if not rows:
        return ""

    def draw(figure: Figure) -> None:
        figure.subplots_adjust(style.LEFT, 0.09, style.RIGHT, 0.93)
        _scatter(figure.subplots(), rows)

    return style.svg(f"{len(rows):,} models: parameters and MACs", style.WIDTH, HEIGHT, draw)


def _scatter(axes: Axes, rows: Sequence[SweepRow]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    for chosen, colour in ((False, style.PARAMS_COLOUR), (True, style.MACS_COLOUR)):
        group = [row for row in rows if bool(row.on_front) is chosen]
        points = [_point(row) for row in group]
        axes.scatter([macs for macs, _ in points], [params for _, params in points], s=14, color=colour, zorder=3)
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("MACs", color=style.INK)
    axes.margins(0.08)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(lambda value, _: count(round(value)).replace(".00", ""))
        axis.set_minor_locator(NullLocator())
    style.grid(axes, "both")
    style.headline(axes, "Parameters by MACs")
    if any(row.on_front for row in rows):
        axes.set_title("most accurate for their MACs", loc="right", size=8.5, color=style.MACS_COLOUR)
    for row, side in _named(axes, rows):
        axes.annotate(
            row.name,
            _point(row),
            xytext=(GAP * side, 0),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center_baseline",
            size=NAME_SIZE,
        )


def _point(row: SweepRow) -> tuple[int, int]:
    return row.macs or 0, row.params or 0


def _named(axes: Axes, rows: Sequence[SweepRow]) -> Iterator[tuple[SweepRow, int]]:
    """The models whose names cover neither a point nor another name, those on the front first; 1 for at the right."""
    axes.autoscale_view()
    to_points = 72 / axes.figure.dpi
    placed = [(x * to_points, y * to_points) for x, y in axes.transData.transform([_point(row) for row in rows])]
    taken: list[Box] = [(x - 2, y - 2, x + 2, y + 2) for x, y in placed]
    frame = axes.get_window_extent()
    right = frame.x1 * to_points
    for row, (x, y) in sorted(zip(rows, placed, strict=True), key=lambda pair: not pair[0].on_front):
        for side in (1, -1):
            box = _box(x, y, side * LETTER * len(row.name), side)
            if box[2] <= right and box[0] >= frame.x0 * to_points and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                yield row, side
                break


def _box(x: float, y: float, length: float, side: int) -> Box:
    ends = sorted((x + GAP * side, x + GAP * side + length))
    return ends[0], y - NAME_SIZE / 2, ends[1], y + NAME_SIZE / 2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
