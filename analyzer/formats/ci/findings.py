"""What annotations, code scanning and code quality report: budgets that do not hold, then advice, each at its line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from posixpath import join, normpath

from analyzer.formats.ci.causes import is_caused, place_of
from analyzer.formats.wording import suggestions, verdict
from analyzer.formats.wording.layer_changes import in_words
from analyzer.formats.wording.numbers import ITSELF
from analyzer.values.gate_results import BudgetLine
from analyzer.values.results import Analysis

LEVELS = {"fail": "error", "unknown": "error", "drift": "warning"}


@dataclass(frozen=True, slots=True)
class LocatedFinding:
    """One thing at one line; `file` is relative to the root of the repository, None where nothing is known."""

    code: str
    name: str
    level: str
    """"note", "warning" or "error"."""
    message: str
    model: str
    path: str
    file: str | None
    line: int | None
    fingerprint: str
    """The same for the same finding however lines move and numbers change; no two of a report are the same."""


def findings(analyses: Sequence[Analysis], folder: str = "") -> list[LocatedFinding]:
    """All findings, errors first; `folder` is the working directory as seen from the repository's root."""
    found = [item for analysis in analyses for item in (*_budgets(analysis), *_advice(analysis))]
    order = ("error", "warning", "note")
    ranked = sorted(found, key=lambda item: order.index(item.level) if item.level in order else len(order))
    return list(_identified(ranked, folder))


def is_on_budget(finding: LocatedFinding) -> bool:
    """Whether it is about a limit rather than advice on a layer."""
    return finding.code.startswith("BUDGET-")


def _budgets(analysis: Analysis) -> Iterator[LocatedFinding]:
    for line in analysis.budget:
        if (level := LEVELS.get(verdict.outcome(line))) is not None:
            yield _budget(line, level, analysis)


def _budget(line: BudgetLine, level: str, analysis: Analysis) -> LocatedFinding:
    """Where the layer that grew most under the limit was changed, else where the model is written."""
    grown = verdict.culprit(analysis, line)
    layer = grown.after if grown else next((one for one in analysis.layers if one.path in line.layers), None)
    file, number = place_of(analysis, layer) if layer and layer.file else (analysis.model.file, analysis.model.line)
    said = [verdict.line_sentence(line), *verdict.said(line)]
    if grown:
        said.append(f"Grew most: {grown.path or ITSELF} ({', '.join(in_words(grown)) or grown.status})")
    return LocatedFinding(
        code=f"BUDGET-{line.metric.upper()}",
        name=f"{line.metric}-budget",
        level=level,
        message=f"{analysis.model.name}: {'. '.join(text[:1].upper() + text[1:].rstrip('.') for text in said)}.",
        model=analysis.model.name,
        path=f"{line.name}: {verdict.subject_of(line)}",
        file=file,
        line=number,
        fingerprint="",
    )


def _advice(analysis: Analysis) -> Iterator[LocatedFinding]:
    """What the change brought about, where there is one; the rest is in the report."""
    layers = {layer.path: layer for layer in analysis.layers}
    for advice in analysis.advice:
        if is_caused(analysis, advice.path, layers):
            yield LocatedFinding(
                code=advice.rule,
                name=advice.name,
                level=advice.level,
                message=f"{suggestions.sentence(advice, analysis.total).rstrip('.')}.",
                model=analysis.model.name,
                path=advice.path,
                file=advice.file or analysis.model.file,
                line=advice.line if advice.file else analysis.model.line,
                fingerprint="",
            )


def _identified(found: Sequence[LocatedFinding], folder: str) -> Iterator[LocatedFinding]:
    """Files as the repository names them, and a fingerprint of what stays: rule, file, model, layer, and occurrence."""
    seen = Counter[tuple[str, ...]]()
    for item in found:
        file = normpath(join(folder, item.file)) if item.file else None
        identity = (item.code, file or "", item.model, item.path)
        occurrence = str(seen[identity])
        seen[identity] += 1
        digest = sha256("\0".join((*identity, occurrence)).encode()).hexdigest()[:32]
        yield replace(item, file=file, fingerprint=digest)
