"""The table of many models as markdown: their rows, a figure, and those that failed with their reasons."""

from __future__ import annotations

from analyzer.formats.markdown.markdown_text import bullets, code, paragraphs, prose, table
from analyzer.formats.wording import sweep_words
from analyzer.values.sweep_rows import Sweep


def render(sweep: Sweep, figure: str | None = None) -> str:
    """The whole report; `figure` is the name of the file that is shown in it."""
    cells = sweep_words.CELLS
    rows = [(code(row.target), *(prose(cell(row)) for cell in cells.values())) for row in sweep.analysed]
    failed = [(code(row.target), prose(row.failure)) for row in sweep.failed]
    text = paragraphs(
        f"# {sweep_words.title(sweep)}",
        table("|".join(("model", *cells)), rows),
        f"![Parameters and MACs of each model]({figure})" if figure and rows else "",
        bullets(sweep_words.notes(sweep)),
        "## Without an analysis" if failed else "",
        table("model|reason", failed),
        f"*analyzer {sweep.analyzer_version}*",
    )
    return f"{text}\n"
