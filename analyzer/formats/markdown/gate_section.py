"""The markdown report's and the comment's part on budgets and on what changed against the base."""

from collections.abc import Iterable, Sequence

from analyzer.formats.markdown.markdown_text import Row, code, placed, prose, table
from analyzer.formats.wording import budget_changes, layer_changes, numbers, verdict
from analyzer.formats.wording.sentences import together as more
from analyzer.formats.wording.verdict import METRICS, Metric
from analyzer.values.gate_results import BudgetLine, LayerChange
from analyzer.values.results import Analysis

MOST_GROWN = 3


def totals(analysis: Analysis) -> str:
    """Before, after, change, limit and headroom: a row for each limit, and for parameters and MACs without one."""
    limited = {line.metric for line in analysis.budget if line.match == "*"}
    rows = [_budget_row(line, named=_are_named(analysis)) for line in analysis.budget]
    free = [_free_row(METRICS[name], analysis) for name in ("params", "macs") if name not in limited]
    return table("|budget|base:|now:|change:|limit:|headroom:", [*free, *rows])


def _are_named(analysis: Analysis) -> bool:
    return len({line.name for line in analysis.budget}) > 1


def _budget_row(line: BudgetLine, named: bool) -> Row:
    metric = verdict.metric(line)
    on = "" if line.match == "*" else f" of {code(line.match)}"
    now, limit = _now_and_limit(line, metric)
    return (
        f"{verdict.ICONS.get(verdict.outcome(line), '')} {verdict.title_of(line)}{on}".strip(),
        prose(line.name) if named else "",
        metric.text(line.base) if line.base is not None else "",
        now,
        numbers.growth(line.value, line.base),
        limit,
        verdict.headroom(line) or line.status,
    )


def _now_and_limit(line: BudgetLine, metric: Metric) -> tuple[str, str]:
    if line.value is None or line.limit is None:
        return metric.text(line.value), metric.text(line.limit) if line.limit is not None else "none"
    return numbers.apart(line.value, line.limit, metric.text)


def _free_row(metric: Metric, analysis: Analysis) -> Row:
    before = analysis.difference.before if analysis.difference else None
    old, new = getattr(before, metric.field, None), getattr(analysis.total, metric.field)
    base = metric.text(old) if old is not None else ""
    return (metric.title, "", base, metric.text(new), numbers.growth(new, old), "", "")


def findings(analysis: Analysis) -> str:
    """What grew, the way back, what was said about each limit, and what happened to the limits themselves."""
    lines = [*_grown(analysis), *_said(analysis.budget), *_limits(analysis)]
    return "\n".join(f"- {line}" for line in lines)


def _grown(analysis: Analysis) -> list[str]:
    line = verdict.deciding(analysis)
    name = line.metric if line else "params"
    changed = analysis.difference.layers if analysis.difference else ()
    grown = [item for item in changed if verdict.grown_by(item, name) > 0]
    top = sorted(grown, key=lambda item: -verdict.grown_by(item, name))[:MOST_GROWN]
    return [f"**What grew:** {'; '.join(_grown_layer(item, name) for item in top)}"] if top else []


def _grown_layer(item: LayerChange, name: str) -> str:
    noun = "MACs" if name == "macs" else "parameters"
    layer = item.after
    where = f" ({code(f'{layer.file}:{layer.line or 1}')})" if layer and layer.file else ""
    return f"{_name(item.path)}{where} {numbers.change(verdict.grown_by(item, name))} {noun}: {_what(item)}"


def _said(lines: Sequence[BudgetLine]) -> list[str]:
    """Ways back, notes and messages of the limits that want one, the worst first, nothing twice."""
    ranked = verdict.ranked(lines)
    ways: dict[str, dict[str, None]] = {}
    for line in ranked:
        if remedy := verdict.remedy_text(line):
            ways.setdefault(remedy, {})[METRICS[line.metric].title] = None
    told = [
        f"**Cheapest way back{_of(titles) if len(ways) > 1 else ''}:** {prose(way)}" for way, titles in ways.items()
    ]
    notes = [f"{verdict.subject_of(line)} ({line.name}): {note}" for line in ranked for note in verdict.notes(line)]
    messages = [f"{line.name}: {line.message}" for line in ranked if line.message and line.status != "pass"]
    return [*told, *map(prose, dict.fromkeys((*notes, *messages)))]


def _of(titles: Iterable[str]) -> str:
    return f" ({', '.join(titles)})"


def _limits(analysis: Analysis) -> list[str]:
    changed = budget_changes.in_words(analysis.difference) if analysis.difference else ()
    return [f"**Limit changed:** {prose(text)}" for text in changed]


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
        rows.append((more(len(rest), "layer"), "", params, _macs_change(rest)))
    return table("layer|what changed|parameters:|MACs:", rows)


def _weight(item: LayerChange, analysis: Analysis) -> float:
    whole = analysis.total
    params = abs(verdict.grown_by(item, "params")) / (whole.params or 1)
    return max(params, abs(verdict.grown_by(item, "macs")) / (whole.macs or 1))


def _change_row(item: LayerChange) -> Row:
    params = numbers.change(verdict.grown_by(item, "params"))
    layer = item.after
    where = placed([item.path], layer.file, layer.line) if layer else _name(item.path)
    return (where, _what(item), params, _macs_change([item]))


def _macs_change(items: Sequence[LayerChange]) -> str:
    layers = [layer for item in items for layer in (item.before, item.after) if layer is not None]
    if any(layer.macs is None for layer in layers):
        return numbers.UNKNOWN
    return numbers.change(sum(verdict.grown_by(item, "macs") for item in items))


def _what(item: LayerChange) -> str:
    layer = item.after or item.before
    kind = f" {prose(layer.kind)}" if layer and item.status in ("added", "removed") else ""
    origin = f"{'moved from' if item.status == 'moved' else 'was'} {code(item.was)}" if item.was else ""
    return "; ".join(filter(None, (origin, *map(prose, layer_changes.in_words(item))))) or f"{item.status}{kind}"


def _name(path: str) -> str:
    return code(path) if path else "the model itself"
