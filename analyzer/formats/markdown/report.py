"""The report in markdown, for GitHub and for reading in an editor."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from analyzer.formats.markdown import (
    advice_section,
    estimates_section,
    fit_section,
    gate_section,
    latency_section,
    scaling_section,
    steps_section,
    training_section,
)
from analyzer.formats.markdown import report_tables as tables
from analyzer.formats.markdown.markdown_text import bullets, code, details, paragraphs, prose
from analyzer.formats.wording import rewriting_wording, sentences, verdict
from analyzer.formats.wording.numbers import plural
from analyzer.formats.wording.shown_layers import owns_something
from analyzer.values.comparison import compare
from analyzer.values.results import Analysis

MAX_LISTED = 2000
"""Rows of the tables that list everything: GitHub shows files up to about 500 KB."""

MAX_CHANGES = 50
Item = TypeVar("Item")


def render(
    analysis: Analysis,
    figure: str | None = None,
    clock: str | None = None,
    memory: str | None = None,
    trade_off: str | None = None,
    growth: str | None = None,
) -> str:
    """The whole report; the others are addresses relative to it of pictures: depth, time, memory, fit and growth."""
    return _document(
        _title(analysis),
        _facts(analysis),
        _gate(analysis),
        _section("Fitted to budgets", fit_section.section(analysis.fit, trade_off)),
        _section("What was applied", _applied(analysis)),
        _figure(analysis, figure),
        _section("What to do", advice_section.what_to_do(analysis)),
        _section("Not counted", tables.uncounted(analysis)),
        _section("Left out", _left_out(analysis)),
        _numbers(analysis, growth),
        _section("What could be restructured", advice_section.section(analysis)),
        _section("Measured time", latency_section.section(analysis, clock)),
        _section("A training step", training_section.section(analysis.training)),
        _section("Estimated, not measured", estimates_section.section(analysis.estimates, memory)),
        _section("Blocks", tables.blocks(analysis)),
        _section("Other counters", tables.second_opinions(analysis)),
        _section("Stored types", tables.stored_types(analysis)),
        _section("Parameters that never run", _never_run(analysis)),
        _section("Side by side", tables.comparison(analysis.comparison)),
        _section("How this was counted", _how(analysis)),
        _every_layer(analysis),
        _listed(analysis.tensors, "tensor", tables.tensors),
    )


def _figure(analysis: Analysis, figure: str | None) -> str:
    caption = prose(f"Where the parameters and MACs of {analysis.model.name} lie along its depth")
    return f"![{caption}](<{figure}>)" if figure else ""


def _numbers(analysis: Analysis, growth: str | None) -> str:
    return paragraphs(
        _section("Totals", tables.totals(analysis)),
        _section("Costs as formulas", scaling_section.formulas(analysis.scaling)),
        _section("At other sizes", scaling_section.at_sizes(analysis, growth)),
        _section("State and steps", steps_section.section(analysis.steps)),
        _section("Heaviest layers by parameters", tables.heaviest(analysis)),
        _section("Heaviest layers by MACs", tables.heaviest(analysis, by_macs=True)),
    )


def render_comparison(analyses: Sequence[Analysis], reports: Sequence[str] = ()) -> str:
    """Several models side by side, ratios against the first; `reports` are addresses of each one's own report."""
    inputs = [f"- {code(analysis.model.name)}: {prose(sentences.inputs(analysis))}" for analysis in analyses]
    return _document(
        "# Comparison",
        tables.comparison(compare(analyses), reports),
        _section("Measured time", latency_section.side_by_side(analyses)),
        _section("Inputs", "\n".join(inputs)),
        _section("How this was counted", _conventions(*analyses)),
    )


def _document(*parts: str) -> str:
    return paragraphs(*parts) + "\n"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _title(analysis: Analysis) -> str:
    """The model's name, and the verdict where there is one."""
    said = verdict.headline(analysis)
    name = f"{analysis.model.name}: {said}" if said else analysis.model.name
    return " ".join(filter(None, ("#", verdict.icon(analysis), prose(name))))


def _gate(analysis: Analysis) -> str:
    """Budgets, and what changed against the base."""
    difference = analysis.difference
    if not analysis.budget and difference is None:
        return ""
    changed = gate_section.changes(analysis, MAX_CHANGES)
    against = f"Changed against {prose(difference.base)}" if difference else ""
    return paragraphs(
        _section("Budget" if analysis.budget else "This change", gate_section.totals(analysis)),
        gate_section.findings(analysis),
        _section(against, changed),
    )


def _facts(analysis: Analysis) -> str:
    found = sentences.facts(analysis)
    return " · ".join(f"**{prose(fact.headline)}** {prose(fact.detail)}".rstrip() for fact in found)


def _never_run(analysis: Analysis) -> str:
    modules = analysis.never_run
    if not modules:
        return ""
    params = plural(sum(module.params for module in modules), "parameter")
    return f"{params} in {plural(len(modules), 'module')} took no part.\n\n{tables.never_run(analysis)}"


def _applied(analysis: Analysis) -> str:
    rewriting = analysis.rewriting
    if rewriting is None:
        return ""
    items = bullets(rewriting_wording.lines(rewriting, MAX_LISTED))
    return f"{prose(rewriting_wording.headline(rewriting))}.\n\n{items}"


def _left_out(analysis: Analysis) -> str:
    if not analysis.absences:
        return ""
    return f"The count does not depend on these.\n\n{bullets(map(sentences.absence, analysis.absences))}"


def _how(analysis: Analysis) -> str:
    points = [_origin(analysis), prose(sentences.tracing(analysis)), *map(_sentence, analysis.model.assumptions)]
    return "\n".join([*(f"- {point}" for point in points), _conventions(analysis)]).rstrip()


def _origin(analysis: Analysis) -> str:
    model = analysis.model
    kind = f"{code(model.kind)} from " if model.kind else ""
    where = "" if model.file is None else f", written in {code(f'{model.file}:{model.line or 1}')}"
    weights = f", checkpoint {code(model.checkpoint)}" if model.checkpoint not in (None, model.target) else ""
    return f"{kind or 'From '}{code(model.target)}{where}{weights}."


def _sentence(text: str) -> str:
    stop = "" if text.endswith((".", "!", "?")) else "."
    return prose(text[:1].upper() + text[1:] + stop)


def _conventions(*analyses: Analysis) -> str:
    """How work is counted, unless none was."""
    counted = any(analysis.total.macs is not None for analysis in analyses)
    return bullets(sentences.CONVENTIONS) if counted else ""


def _every_layer(analysis: Analysis) -> str:
    shown = [layer for layer in analysis.layers if owns_something(layer)]
    omitted = len(analysis.layers) - len(shown)
    left_out = f" ({plural(omitted, 'module')} without parameters or work left out)" if omitted else ""
    return _listed(shown, "layer", lambda part: tables.layers(part, analysis), left_out)


def _listed(every: Sequence[Item], noun: str, rows: Callable[[Sequence[Item]], str], left_out: str = "") -> str:
    """A folded table of all, of which the first rows are shown."""
    hidden = len(every) - MAX_LISTED
    rest = f"{plural(hidden, f'more {noun}')} in the JSON report." if hidden > 0 else ""
    body = paragraphs(rows(every[:MAX_LISTED]), rest)
    return details(f"All {plural(len(every), noun)}{left_out}", body) if every else ""
