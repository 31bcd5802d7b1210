"""The table of many models as one HTML file that needs nothing else: a click on a column's title sorts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from markupsafe import Markup

from analyzer.formats.html.page import content_hash, environment, part
from analyzer.formats.wording import sweep_words
from analyzer.values.sweep_rows import COLUMNS, Sweep, SweepRow

ORDERS: Final[dict[str, Callable[[SweepRow], float | str | None]]] = {
    "parameters:": COLUMNS["params"],
    "MACs:": COLUMNS["macs"],
    "other FLOPs:": lambda row: row.other_flops,
    "activations:": COLUMNS["activations"],
    "peak memory:": COLUMNS["peak-memory"],
    "receptive field:": COLUMNS["receptive-field"],
    "time:": COLUMNS["time"],
    "accuracy:": lambda row: row.accuracy.value if row.accuracy else None,
}
"""What numbers are sorted by, by the column's title; other columns by their text."""


def render(sweep: Sweep) -> str:
    """The page; without scripts it is the table as it was sorted. Problem where the installation lacks a part."""
    script, style = part("scripts/sweep_table.js"), part("templates/page.css")
    return (
        environment()
        .get_template("sweep.html")
        .render(
            sweep=sweep,
            title=sweep_words.title(sweep),
            notes=sweep_words.notes(sweep),
            columns=[(title.removesuffix(":"), title.endswith(":")) for title in sweep_words.CELLS],
            rows=[(row, [_cell(row, title) for title in sweep_words.CELLS]) for row in sweep.analysed],
            script=Markup(script),
            style=Markup(style),
            script_hash=content_hash(script),
            style_hash=content_hash(style),
        )
    )


def _cell(row: SweepRow, title: str) -> tuple[str, bool, float | str]:
    """The text, whether it is a number, and what it is sorted by, empty where that is not known."""
    text = sweep_words.CELLS[title](row)
    value = ORDERS[title](row) if title in ORDERS else text
    return text, title.endswith(":"), "" if value is None else value
