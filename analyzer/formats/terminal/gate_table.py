"""The verdict on a terminal: each limit, what the base was, what grew, and what happened to the limits themselves."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzer.formats.terminal.console_text import path, source, styled, table
from analyzer.formats.wording import budget_changes, verdict
from analyzer.formats.wording.limit_rows import LimitRow, grown, limit_rows, what_happened
from analyzer.values.gate_results import Difference
from analyzer.values.results import Analysis

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

STYLES = {"fail": "bold red", "unknown": "bold red", "drift": "yellow", "pass": "green"}
COLUMNS = (("", 0), ("base:", 0), ("now:", 0), ("change:", 0), ("limit:", 80), ("headroom:", 95))
"""Titles, and from how wide a terminal on they are shown."""


def parts(analysis: Analysis, width: int) -> Iterator["str | Text | Table"]:
    """The worst limit first; then, against a base, the numbers of both sides and what grew."""
    if not analysis.budget:
        yield from filter(None, (verdict.headline(analysis),))
    ranked = verdict.ranked(analysis.budget)
    for line in ranked:
        status = verdict.outcome(line)
        yield styled(f"{status}: {verdict.line_sentence(line)}", STYLES.get(status, ""))
    yield from dict.fromkeys(f"  {text}" for line in ranked for text in verdict.said(line))
    yield from _uncompared(analysis)
    if analysis.difference is not None:
        yield from _against(analysis, analysis.difference, width)


def one_line(analysis: Analysis) -> Iterator["Text"]:
    """The verdict on one of several models; nothing where none was asked for."""
    line = verdict.deciding(analysis)
    said = verdict.headline(analysis)
    if said:
        status = verdict.outcome(line) if line else ""
        name = f"{analysis.model.name}: {status}: " if status else f"{analysis.model.name}: "
        yield styled(f"{name}{said}", STYLES.get(status, ""))
    yield from _uncompared(analysis)


def _uncompared(analysis: Analysis) -> Iterator["Text"]:
    return (styled(f"not compared with the base: {reason}", STYLES["fail"]) for reason in verdict.uncompared(analysis))


def _against(analysis: Analysis, difference: Difference, width: int) -> Iterator["str | Text | Table"]:
    unchanged = verdict.is_unchanged(analysis)
    new = "" if difference.before else ": the model is new"
    yield f"compared with {difference.base}{': nothing changed' if unchanged else new}"
    if difference.before is not None and not unchanged:
        rows = [_cells(row, width) for row in limit_rows(analysis)]
        columns = enumerate(COLUMNS)
        shown = [at for at, (_, least) in columns if width >= least and any(row[at] for row in rows)]
        yield table([COLUMNS[at][0] for at in shown], ([row[at] for at in shown] for row in rows))
    for item, amount in grown(analysis):
        layer = item.after or item.before
        place = f" ({source(layer, width)})" if layer and layer.file else ""
        name = path(layer, width) if layer else item.path
        yield f"grew: {name}{place} {amount}: {what_happened(item)}"
    yield from (styled(f"limit changed: {text}", "yellow") for text in budget_changes.in_words(difference))


def _cells(row: LimitRow, width: int) -> tuple[str, ...]:
    """With what is limited, where that is a part; its end is cut last."""
    title = row.title if row.match == "*" else f"{row.title} of {row.match}"
    most = max(20, width // 3)
    short = title if len(title) <= most else f"{title[: most - 1]}…"
    return short, row.base, row.now, row.change, row.limit, row.headroom
