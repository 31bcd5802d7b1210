"""A picture of where parameters and MACs lie along the depth of a model, as SVG."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from analyzer.formats.figures import depth
from analyzer.formats.figures.depth import Profile, Stage
from analyzer.formats.wording.numbers import COUNT_UNITS, count, plural, share
from analyzer.formats.wording.shown_layers import DIGITS
from analyzer.values.errors import Problem
from analyzer.values.results import Analysis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_BARS = 200
GAP = 0.08
"""Share of its place that a bar leaves free on either side."""
WIDTH, PANEL = 9.0, 1.7
"""Inches: the figure's width, and one panel's height with its title."""
TOP, ROW, BOTTOM = 0.28, 0.17, 0.27
"""Inches: above the panels, of one row of names below them, and below those."""
LEFT, RIGHT = 0.085, 0.935
"""Where the panels begin and end, as shares of the width."""
NAME_SIZE, LETTER = 7.5, 0.57
"""Points, and how wide a letter is in shares of that."""
CAPTION = "layers in execution order; the line is the share reached so far"
# Blue and vermilion of Okabe and Ito's palette: told apart with any colour vision.
PARAMS_COLOUR, MACS_COLOUR, INK, FAINT = "#0072B2", "#D55E00", "#333333", "#DDDDDD"
STYLE: dict[Any, Any] = {
    # Glyphs as outlines look the same in every viewer; the salt makes element ids reproducible.
    "svg.fonttype": "path",
    "svg.hashsalt": "analyzer",
    "font.size": 8.5,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.major.size": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}


class Panel(NamedTuple):
    """One quantity along the depth."""

    title: str
    values: tuple[int, ...]
    colour: str


def render(analysis: Analysis) -> str:
    """One panel a quantity, over the same layers in execution order, with the model's stages below."""
    from matplotlib.figure import Figure

    profile = depth.profile(analysis)
    panels, rows = _panels(profile), name_rows(depth.stages(profile.paths))
    below = BOTTOM + ROW * len(rows)
    height = PANEL * len(panels) + below
    with own_style():
        figure = Figure(figsize=(WIDTH, height), facecolor="white")
        figure.subplots_adjust(LEFT, below / height, RIGHT, 1 - TOP / height, hspace=0.3)
        drawn = [figure.add_subplot(len(panels), 1, row + 1) for row in range(len(panels))]
        for axes, panel in zip(drawn, panels, strict=True):
            _draw(axes, panel, profile)
            divide(axes, rows[0])
        name_stages(drawn[-1], rows, inches=drawn[-1].get_position().height * height)
        figure.text(RIGHT, 0.07 / height, CAPTION, ha="right", size=NAME_SIZE, color=INK)
        return svg_text(figure)


def svg_text(figure: Figure) -> str:
    """The figure as text that is the same whenever it is drawn."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def render_comparison(analyses: Sequence[Analysis]) -> str:
    """Problem when there are several: layers of different models have no common axis."""
    if len(analyses) != 1:
        raise Problem(
            f"A figure shows one model and there are {len(analyses)}: give one target, or --output report.md."
        )
    return render(analyses[0])


@contextmanager
def own_style() -> Iterator[None]:
    """`STYLE` over the defaults, whatever the user's settings; a glyph that the font lacks is a box, not a warning."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def _panels(profile: Profile) -> tuple[Panel, ...]:
    params = Panel(profile.measure, profile.params, PARAMS_COLOUR)
    gaps = f" ({plural(profile.gaps, 'layer')} not counted)" if profile.gaps else ""
    macs = Panel(f"MACs{gaps}", profile.macs, MACS_COLOUR)
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
    axes.set_title(f"{panel.title}{each}", loc="left", color=panel.colour, weight="bold", size=9.5)
    axes.set_title(_summary(panel.values, profile.paths), loc="right", size=8.5)


def _summary(values: Sequence[int], paths: Sequence[str]) -> str:
    whole = sum(values)
    if not whole:
        return "none"
    most = max(range(len(values)), key=lambda index: values[index])
    name = paths[most] or "the model itself"
    return f"total {count(whole)}, most in {name}: {count(values[most])} ({share(values[most], whole)})"


def _value_axis(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    most = max(panel.values, default=0)
    axes.set_ylim(0, None if most else 1)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, most)))
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def _tick(value: float, most: int) -> str:
    """The value in the unit of the largest, so that all ticks of an axis share one."""
    power = min((len(str(most)) - 1) // 3, len(COUNT_UNITS) - 1)
    return f"{value / 1000**power:g}{COUNT_UNITS[power] if value else ''}"


def _cumulative(axes: Axes, values: Sequence[int]) -> None:
    """The share reached so far, on an axis of its own at the right."""
    whole = sum(values) or 1
    sums = [0, *accumulate(values)]
    step = -(-len(sums) // MAX_BARS) or 1
    picked = sorted({*range(0, len(sums), step), len(sums) - 1})
    right = axes.twinx()
    right.plot(picked, [100 * sums[index] / whole for index in picked], color=INK, linewidth=1, clip_on=False)
    right.set_ylim(0, 105)
    right.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"])


def divide(axes: Axes, stages: Sequence[Stage]) -> None:
    """A faint line where each stage begins."""
    for stage in stages[1:]:
        axes.axvline(stage.start, color=INK, linewidth=0.5, alpha=0.35, linestyle=(0, (2, 3)))


def name_rows(stages: Sequence[Stage]) -> tuple[tuple[Stage, ...], ...]:
    """The stages by their last names, and below them what they are part of."""
    last_names = tuple(replace(stage, path=stage.path.rpartition(".")[2]) for stage in stages)
    parents = [stage.path.rpartition(".")[0] for stage in stages for _ in range(stage.start, stage.end)]
    parts = tuple(part for part in depth.spans(parents) if part.path)
    return (last_names, parts) if parts else (last_names,)


def name_stages(axes: Axes, rows: Sequence[Sequence[Stage]], inches: float) -> None:
    """Each stage's name below its middle; `inches` is the height of the panel above."""
    end = rows[0][-1].end if rows[0] else 1
    for number, row in enumerate(rows):
        height = -(0.05 + ROW * number) / inches
        for stage, name in zip(row, _shown_names(row, end, numbered=number + 1 < len(rows)), strict=True):
            middle = (stage.start + stage.end) / 2
            axes.text(middle, height, name, transform=axes.get_xaxis_transform(), ha="center", va="top", size=NAME_SIZE)


def _shown_names(row: Sequence[Stage], end: int, numbered: bool) -> list[str]:
    """Names that fit into their place, else nothing; `numbered`: of block1, block2, ... the numbers if most do not."""
    letters = (RIGHT - LEFT) * WIDTH * 72 / (NAME_SIZE * LETTER) / end
    fitting = Counter[str]()
    for stage in row:
        fitting[_stem(stage)] += 1 if _fits(stage.path, stage, letters) else -1
    crowded = {stem for stem, balance in fitting.items() if numbered and balance < 0}
    wanted = [stage.path.removeprefix(_stem(stage)) if _stem(stage) in crowded else stage.path for stage in row]
    return [name if _fits(name, stage, letters) else "" for name, stage in zip(wanted, row, strict=True)]


def _stem(stage: Stage) -> str:
    return stage.path.rstrip(DIGITS)


def _fits(name: str, stage: Stage, letters: float) -> bool:
    return len(name) + 1 <= letters * (stage.end - stage.start)
