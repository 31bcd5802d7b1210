"""Many models as a table that fits a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analyzer.formats.terminal import console_text
from analyzer.formats.terminal.console_text import rendered, styled, table
from analyzer.formats.wording import sweep_words
from analyzer.values.sweep_rows import Sweep

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

NARROW = ("parameters:", "MACs:", "accuracy:", "front")
ROOMY = ("parameters:", "MACs:", "activations:", "peak memory:", "time:", "accuracy:", "front")
"""Titles of the columns, below and from `console_text.ROOMY` columns of width on."""
TOP = 20
"""Rows that a summary shows; the reports have all."""


def render(sweep: Sweep, width: int = 400, colour: bool = False, written: Sequence[str] = ()) -> str:
    """The first rows, the reasons of the first failures, and where the reports are."""
    return rendered(_parts(sweep, width, written), width, colour)


def _parts(sweep: Sweep, width: int, written: Sequence[str]) -> Iterator[str | Text | Table]:
    yield styled(sweep_words.title(sweep), "bold")
    rows, failed = sweep.analysed, sweep.failed
    titles = NARROW if width < console_text.ROOMY else ROOMY
    cells = [sweep_words.CELLS[title] for title in titles]
    shown = [(row.target, *(cell(row) for cell in cells)) for row in rows[:TOP]]
    if shown:
        yield table(("model", *titles), shown)
    if len(rows) > TOP:
        yield f"and {len(rows) - TOP:,} more in the report"
    yield from (f"{row.target}: {row.failure.removeprefix(f'{row.target}: ')}" for row in failed[:TOP])
    if len(failed) > TOP:
        yield f"and {len(failed) - TOP:,} more without an analysis"
    yield from (styled(f"written to {file}", "dim") for file in written)
