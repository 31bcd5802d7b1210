"""Panels over the same layers in execution order, one below the other, with the model's stages named below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzer.formats.figures import depth
from analyzer.formats.figures import figure_style as style
from analyzer.formats.figures.depth import Stage
from analyzer.formats.wording.shown_layers import DIGITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.17
"""Inches: one row of names below the panels."""
NAME_SIZE, LETTER = 7.5, 0.57
"""Points, and how wide a letter is in shares of that."""


def svg(title: str, paths: Sequence[str], panels: Sequence[Callable[[Axes], None]], caption: str) -> str:
    """One panel for each function that draws it, above the stages that `paths` (one a position) divide into."""
    rows = _name_rows(depth.stages(paths))
    below = style.BOTTOM + ROW * len(rows)
    height = style.PANEL * len(panels) + below

    def draw(figure: Figure) -> None:
        figure.subplots_adjust(style.LEFT, below / height, style.RIGHT, 1 - style.TOP / height, hspace=0.3)
        drawn = [figure.add_subplot(len(panels), 1, row + 1) for row in range(len(panels))]
        for axes, panel in zip(drawn, panels, strict=True):
            panel(axes)
            for stage in rows[0][1:]:  # a faint line where each stage begins
                axes.axvline(stage.start, color=style.INK, linewidth=0.5, alpha=0.35, linestyle=(0, (2, 3)))
        _name_stages(drawn[-1], rows, inches=drawn[-1].get_position().height * height)
        figure.text(style.RIGHT, 0.07 / height, caption, ha="right", size=NAME_SIZE, color=style.INK)

    return style.svg(title, style.WIDTH, height, draw)


def _name_rows(stages: Sequence[Stage]) -> tuple[tuple[Stage, ...], ...]:
    """The stages by their last names, and below them what they are part of."""
    last_names = tuple(replace(stage, path=stage.path.rpartition(".")[2]) for stage in stages)
    parents = [stage.path.rpartition(".")[0] for stage in stages for _ in range(stage.start, stage.end)]
    parts = tuple(part for part in depth.spans(parents) if part.path)
    return (last_names, parts) if parts else (last_names,)


def _name_stages(axes: Axes, rows: Sequence[Sequence[Stage]], inches: float) -> None:
    """Each stage's name below its middle; `inches` is the height of the panel above."""
    end = rows[0][-1].end if rows[0] else 1
    for number, row in enumerate(rows):
        height = -(0.05 + ROW * number) / inches
        for stage, name in zip(row, _shown_names(row, end, numbered=number + 1 < len(rows)), strict=True):
            middle = (stage.start + stage.end) / 2
            axes.text(middle, height, name, transform=axes.get_xaxis_transform(), ha="center", va="top", size=NAME_SIZE)


def _shown_names(row: Sequence[Stage], end: int, numbered: bool) -> list[str]:
    """Names that fit into their place, else nothing; `numbered`: of block1, block2, ... the numbers if most do not."""
    letters = (style.RIGHT - style.LEFT) * style.WIDTH * 72 / (NAME_SIZE * LETTER) / end
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
