"""The markdown report's and the comment's part on budgets and on what changed against the base."""

from collections.abc import Sequence

from analyzer.formats.markdown.markdown_text import Row, code, named, placed, prose, table
from analyzer.formats.wording import budget_changes, numbers, verdict
from analyzer.formats.wording.limit_rows import LimitRow, grown, limit_rows, what_happened
from analyzer.formats.wording.verdict import METRICS
from analyzer.values.gate_results import BudgetLine, LayerChange
from analyzer.values.results import Analysis


def totals(analysis: Analysis) -> str:
    """Before, after, change, limit and headroom: a row for each limit, and for parameters and MACs without one."""
    named = len({line.name for line in analysis.budget}) > 1
    rows = [_row(row, named) for row in limit_rows(analysis)]
    return table("|budget|base:|now:|change:|limit:|headroom:", rows)


def _row(row: LimitRow, named: bool) -> Row:
    on = "" if row.match == "*" else f" of {code(row.match)}"
    name = prose(row.budget) if named else ""
    return f"{row.icon} {row.title}{on}".strip(), name, row.base, row.now, row.change, row.limit, row.headroom


def findings(analysis: Analysis) -> str:
    """Why nothing was compared, what grew, the cheapest fixes, what was said about limits, and how these changed."""
    top = [f"{_placed(item)} {amount}: {what_happened(item, code, prose)}" for item, amount in grown(analysis)]
    changed = budget_changes.in_words(analysis.difference) if analysis.difference else ()
    lines = [
        *(f"**Not compared with the base:** {prose(reason)}" for reason in verdict.uncompared(analysis)),
        *([f"**What grew:** {'; '.join(top)}"] if top else []),
        *_said(analysis.budget),
        *(f"**Limit changed:** {prose(text)}" for text in changed),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _placed(item: LayerChange) -> str:
    layer = item.after
    return named(item.path) + (f" ({code(f'{layer.file}:{layer.line or 1}')})" if layer and layer.file else "")


def _said(lines: Sequence[BudgetLine]) -> list[str]:
    """Fixes, notes and messages of the limits that want one, the worst first, nothing twice."""
    ranked = verdict.ranked(lines)
    ways: dict[str, dict[str, None]] = {}
    for line in ranked:
        if remedy := verdict.remedy_text(line):
            ways.setdefault(remedy, {})[METRICS[line.metric].title] = None
    limited = {way: f" ({', '.join(titles)})" if len(ways) > 1 else "" for way, titles in ways.items()}
    fixes = [f"**Cheapest fix{titles}:** {prose(way)}" for way, titles in limited.items()]
    notes = [f"{verdict.subject_of(line)} ({line.name}): {note}" for line in ranked for note in verdict.notes(line)]
    messages = [f"{line.name}: {line.message}" for line in ranked if line.message and line.status != "pass"]
    return [*fixes, *map(prose, dict.fromkeys((*notes, *messages)))]


def changes(analysis: Analysis, most: int) -> str:
    """The layers that differ from the base, largest change first; those beyond `most` are counted in the last row."""
    difference = analysis.difference
    if difference is None:
        return ""
    ranked = sorted(difference.layers, key=lambda item: -_weight(item, analysis))
    rows = [_change_row(item) for item in ranked[:most]]
    if len(ranked) > most:
        rest = ranked[most:]
        params = numbers.change(sum(verdict.grown_by(item, "params") for item in rest))
        rows.append((numbers.plural(len(rest), "more layer"), "", params, _macs_change(rest)))
    return table("layer|what changed|parameters:|MACs:", rows)


def _weight(item: LayerChange, analysis: Analysis) -> float:
    whole = analysis.total
    params = abs(verdict.grown_by(item, "params")) / (whole.params or 1)
    return max(params, abs(verdict.grown_by(item, "macs")) / (whole.macs or 1))


def _change_row(item: LayerChange) -> Row:
    params = numbers.change(verdict.grown_by(item, "params"))
    layer = item.after
    where = placed([item.path], layer.file, layer.line) if layer else named(item.path)
    return (where, what_happened(item, code, prose), params, _macs_change([item]))


def _macs_change(items: Sequence[LayerChange]) -> str:
    layers = [layer for item in items for layer in (item.before, item.after) if layer is not None]
    if any(layer.macs is None for layer in layers):
        return numbers.UNKNOWN
    return numbers.change(sum(verdict.grown_by(item, "macs") for item in items))
