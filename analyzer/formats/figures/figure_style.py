"""How every figure looks: size, colours that follow a dark page, stage names below, and SVG that is always the same."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from analyzer.formats.figures import depth
from analyzer.formats.figures.depth import Stage
from analyzer.formats.wording.shown_layers import DIGITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, PANEL = 9.0, 1.7
"""Inches: the figure's width, and one panel's height with its title."""
TOP, ROW, BOTTOM = 0.28, 0.17, 0.27
"""Inches: above the panels, of one row of names below them, and below those."""
LEFT, RIGHT = 0.085, 0.935
"""Where the panels begin and end, as shares of the width."""
NAME_SIZE, LETTER = 7.5, 0.57
"""Points, and how wide a letter is in shares of that."""
# Blue and vermilion of Okabe and Ito's palette: told apart with any colour vision.
PARAMS_COLOUR, MACS_COLOUR, INK, FAINT = "#0072B2", "#D55E00", "#333333", "#DDDDDD"
PAPER = "#ffffff"
DARK = {PAPER: "#0d1117", INK: "#e6edf3", FAINT: "#3d444d", PARAMS_COLOUR: "#56B4E9", MACS_COLOUR: "#E69F00"}
"""What each colour is on a dark page; sky blue and orange are the same palette's bright pair."""
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


def svg_text(figure: Figure, title: str) -> str:
    """The figure as text that is the same whenever it is drawn; `title` is read out and shown on hovering."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    lines = "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
    before, tag, after = lines.partition("<svg ")
    attributes, end, body = after.partition(">\n")
    named = f'{attributes} role="img"{end} <title>{escape(title)}</title>\n <style>{_dark_rules()}</style>\n'
    return before + tag + named + body


def _dark_rules() -> str:
    """Rules that outrank the colours written on the elements where the reader's system is dark."""
    rules = "".join(
        f'[style*="{kind}: {light.lower()}"]{{{kind}:{dark} !important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme: dark){{{rules}}}"


@contextmanager
def own_style() -> Iterator[None]:
    """`STYLE` over the defaults, whatever the user's settings; a glyph that the font lacks is a box, not a warning."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


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
