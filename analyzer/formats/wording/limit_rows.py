"""Numbers of the gate as rows: base, now, change and limit of each metric, and what grew most."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from analyzer.formats.wording import numbers, verdict
from analyzer.formats.wording.layer_changes import in_words
from analyzer.formats.wording.verdict import METRICS, Metric
from analyzer.values.gate_results import DEGREE, BudgetLine, LayerChange
from analyzer.values.results import Analysis

MOST_GROWN = 3
Text = Callable[[str], str]


class LimitRow(NamedTuple):
    """One metric's numbers as text; empty where there is none."""

    icon: str
    title: str
    match: str
    """The layers that are limited, "*" for all."""
    budget: str
    """The budget's name."""
    base: str
    now: str
    change: str
    limit: str = ""
    headroom: str = ""


def limit_rows(analysis: Analysis) -> list[LimitRow]:
    """A row for parameters and MACs without a limit, then one for each limit."""
    limited = {line.metric for line in analysis.budget if line.match == "*"}
    free = [_free(METRICS[name], analysis) for name in ("params", "macs") if name not in limited]
    return [*free, *map(_limited, analysis.budget)]


def _limited(line: BudgetLine) -> LimitRow:
    metric = verdict.metric(line)
    now, limit = _now_and_limit(line, metric)
    growing = f"Growth of {metric.title if metric.title == 'MACs' else metric.title.lower()}"
    with_size = f" with {line.dimension}" if line.dimension else ""
    return LimitRow(
        icon=verdict.ICONS.get(verdict.outcome(line), ""),
        title=growing if verdict.is_on_growth(line) else metric.title + with_size,
        match=line.match,
        budget=line.name,
        base=metric.text(line.base) if line.base is not None else "",
        now=now,
        change="" if line.dimension else numbers.growth(line.value, line.base),
        limit=limit,
        headroom=verdict.headroom(line) or line.status,
    )


def _now_and_limit(line: BudgetLine, metric: Metric) -> tuple[str, str]:
    if line.value is None or line.limit is None:
        return metric.text(line.value), metric.text(line.limit) if line.limit is not None else "none"
    if line.dimension:
        return metric.text(line.value), metric.text(line.limit)
    return numbers.apart(line.value, line.limit, metric.text)


def _free(metric: Metric, analysis: Analysis) -> LimitRow:
    before = analysis.difference.before if analysis.difference else None
    old, new = getattr(before, metric.field, None), getattr(analysis.total, metric.field)
    base = metric.text(old) if old is not None else ""
    return LimitRow("", metric.title, "*", "", base, metric.text(new), numbers.growth(new, old))


def grown(analysis: Analysis) -> Iterator[tuple[LayerChange, str]]:
    """What grew most in the number that decided, and by how much."""
    line = verdict.deciding(analysis)
    name = line.metric if line else "params"
    noun = "MACs" if name in ("macs", DEGREE) else "parameters"
    changed = analysis.difference.layers if analysis.difference else ()
    found = [item for item in changed if verdict.grown_by(item, name) > 0]
    for item in sorted(found, key=lambda item: -verdict.grown_by(item, name))[:MOST_GROWN]:
        yield item, f"{numbers.change(verdict.grown_by(item, name))} {noun}"


def what_happened(item: LayerChange, name: Text = str, text: Text = str) -> str:
    """What differs, where it was, or that it came or went; names and texts as they are to be written."""
    layer = item.after or item.before
    kind = f" {text(layer.kind)}" if layer and item.status in ("added", "removed") else ""
    origin = f"{'moved from' if item.status == 'moved' else 'was'} {name(item.was)}" if item.was else ""
    return "; ".join(filter(None, (origin, *map(text, in_words(item))))) or f"{item.status}{kind}"
