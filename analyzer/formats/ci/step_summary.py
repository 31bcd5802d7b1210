"""The summary of a GitHub step: the reports of all models, in at most what GitHub takes."""

from collections.abc import Sequence

from analyzer.formats.markdown import report
from analyzer.formats.markdown.markdown_text import cut
from analyzer.values.results import Analysis

MAX_BYTES = 1024 * 1024
REST = "*The summary was cut here: GitHub shows at most 1 MiB. The full reports are among the files of this run.*"


def render(analysis: Analysis) -> str:
    """The markdown report, without its figure."""
    return cut(report.render(analysis), MAX_BYTES, REST)


def render_comparison(analyses: Sequence[Analysis]) -> str:
    """The comparison, then each report."""
    parts = [report.render_comparison(analyses), *map(report.render, analyses)]
    return cut("\n".join(parts), MAX_BYTES, REST)
