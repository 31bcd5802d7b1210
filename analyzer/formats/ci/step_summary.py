"""The summary of a GitHub step: the reports of all models, in at most what GitHub takes."""

from collections.abc import Sequence

from analyzer.formats.markdown import report
from analyzer.formats.markdown.markdown_text import cut
from analyzer.values.results import Analysis

MAX_BYTES = 1024 * 1024
REST = "*The summary was cut here: GitHub shows at most 1 MiB. The full reports are among the files of this run.*"


def render(analyses: Sequence[Analysis]) -> str:
    """The reports, cut where they are too long."""
    return cut(reports(analyses), MAX_BYTES, REST)


def reports(analyses: Sequence[Analysis]) -> str:
    """The markdown report of each model, without its figure; of several models the comparison first."""
    compared = [report.render_comparison(analyses)] if len(analyses) > 1 else []
    return "\n".join([*compared, *map(report.render, analyses)])
