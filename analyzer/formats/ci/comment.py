"""The comment under a pull request: the verdict first, what decided it, and nothing when nothing changed."""

import re
from collections.abc import Sequence

from analyzer.formats.markdown import advice_section, gate_section
from analyzer.formats.markdown.markdown_text import Row, cut, details, prose, table
from analyzer.formats.wording import sentences, verdict
from analyzer.formats.wording.numbers import count, growth, plural
from analyzer.formats.wording.suggestions import restructurings
from analyzer.values.results import Analysis

MAX_BYTES = 60_000
"""GitHub refuses a body of more than 65,536 characters."""
MAX_CHANGES = 15
MAX_ADVICE = 5
REST = "*The rest is in the full report, in the summary of this run.*"


def render(analyses: Sequence[Analysis], key: str = "default", silent: bool = False, rest: str = REST) -> str:
    """One comment on all models, the one in the worst state first.

    `silent`: empty when nothing changed; `rest` says where the full report is.
    """
    if silent and all(map(verdict.is_unchanged, analyses)):
        return ""
    ranked = sorted(analyses, key=_severity)
    several = len(ranked) > 1
    models = [_model(analysis, several) for analysis in ranked]
    # A row for each model, which a comment that is cut still has for as many as there is room for.
    verdicts = [table("|model|verdict|parameters:|MACs:", [*map(_verdict, ranked)])] if several else []
    return cut("\n\n".join([marker(key), *verdicts, *models, _basis(ranked)]) + "\n", MAX_BYTES, rest)


def _verdict(analysis: Analysis) -> Row:
    before, now = analysis.difference.before if analysis.difference else None, analysis.total
    params, macs = (before.params, before.macs) if before else (None, None)
    return (
        verdict.icon(analysis),
        prose(analysis.model.name),
        prose(verdict.headline(analysis) or "Analysed"),
        f"{count(now.params)} {growth(now.params, params)}".strip(),
        f"{count(now.macs)} {growth(now.macs, macs)}".strip(),
    )


def marker(key: str) -> str:
    """The invisible first line by which a later run finds this comment; several keys, several comments."""
    return f"<!-- analyzer:report key={re.sub('[^A-Za-z0-9_.]+', '-', key)} -->"


def _severity(analysis: Analysis) -> int:
    line = verdict.deciding(analysis)
    order = ("fail", "unknown", "drift")
    return order.index(verdict.outcome(line)) if line and verdict.outcome(line) in order else len(order)


def _model(analysis: Analysis, named: bool) -> str:
    name = f"{analysis.model.name}: " if named else ""
    said = verdict.headline(analysis) or "Analysed"
    parts = (
        f"## {verdict.icon(analysis)} {prose(name + said)}".replace("##  ", "## "),
        gate_section.totals(analysis),
        gate_section.findings(analysis),
        _changes(analysis),
        _advice(analysis),
    )
    return "\n\n".join(filter(None, parts))


def _changes(analysis: Analysis) -> str:
    number = len(analysis.difference.layers) if analysis.difference else 0
    if not number:
        return ""
    return details(plural(number, "changed layer"), gate_section.changes(analysis, MAX_CHANGES))


def _advice(analysis: Analysis) -> str:
    found = restructurings(analysis)
    if not found:
        return ""
    title = f"{plural(len(found), 'suggestion')} (structure only; all need training)"
    return details(title, advice_section.proposals(found, analysis.total, MAX_ADVICE))


def _basis(analyses: Sequence[Analysis]) -> str:
    bases = dict.fromkeys(analysis.difference.base for analysis in analyses if analysis.difference)
    points = [*(f"compared with {base}" for base in bases), "static count", "1 MAC = 2 FLOPs"]
    points += [f"input {sentences.inputs(analyses[0])}"] if len(analyses) == 1 else []
    points += [sentences.status(analysis) for analysis in analyses if not analysis.complete][:1]
    return f"<sub>{prose(' · '.join(points))}</sub>"
