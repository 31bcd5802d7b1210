"""What the gate decided, in words: by which limit, by how much, and what this change did to it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from analyzer.formats.wording.budget_changes import allowance, amount, until
from analyzer.formats.wording.numbers import ITSELF, apart, change, count, plural, size
from analyzer.formats.wording.suggestions import EFFORTS
from analyzer.values.gate_results import COMPARISON, DEGREE, BudgetLine, LayerChange, RemedyStep
from analyzer.values.layer_patterns import covers
from analyzer.values.results import Analysis

UNITS = {
    "params": "parameters",
    "trainable-params": "parameters",
    "macs": "MACs",
    "size": "bytes",
    "peak-memory": "bytes",
}
POWERS = ("no growth", "linear", "quadratic", "cubic")
SHOWN = 3
"""How many changes a remedy's sentence names."""
NO_BASE = "there is no base to compare with"
ICONS = {"pass": "✅", "drift": "⚠️", "fail": "❌", "unknown": "❔", "off": ""}


def power(degree: int | None) -> str:
    """How something grows: "linear", "quadratic", "power 4"."""
    if degree is None:
        return "unknown"
    return POWERS[degree] if degree < len(POWERS) else f"power {degree}"


class Metric(NamedTuple):
    """A number that can be limited: its names, how it is written, and where totals hold it."""

    title: str
    singular: str
    text: Callable[[int | None], str]
    field: str


METRICS = {
    "params": Metric("Parameters", "Parameter", count, "params"),
    "trainable-params": Metric("Trainable parameters", "Trainable parameter", count, "trainable_params"),
    "macs": Metric("MACs", "MAC", count, "macs"),
    "size": Metric("Size", "Size", size, "param_bytes"),
    "peak-memory": Metric("Peak memory", "Peak memory", size, "peak_activation_bytes"),
    DEGREE: Metric("Growth of MACs", "MAC growth", power, "macs"),
}


def outcome(line: BudgetLine) -> str:
    """The line's status; "drift" too for what is over a limit that only warns."""
    return "drift" if line.status == "fail" and line.level != "error" else line.status


def icon(analysis: Analysis) -> str:
    """One sign for the model: of the line that decides, empty without a budget."""
    line = deciding(analysis)
    return ICONS.get(outcome(line), "") if line else ""


def deciding(analysis: Analysis) -> BudgetLine | None:
    """The line that a reader has to know of first: the worst outcome, then the largest share of its limit."""
    return next(iter(ranked(analysis.budget)), None)


def ranked(lines: Sequence[BudgetLine]) -> list[BudgetLine]:
    """The worst outcome first; of one outcome, written limits before those on growth, then the most used."""
    order = ("fail", "unknown", "drift", "pass", "off")

    def rank(line: BudgetLine) -> tuple[int, bool, float]:
        return order.index(outcome(line)), is_on_growth(line), -(line.value or 0) / (line.limit or float("inf"))

    return sorted(lines, key=rank)


def headline(analysis: Analysis) -> str:
    """The verdict as a sentence with the number that decided it; without a budget, what this change did."""
    line = deciding(analysis)
    if line is None:
        return _movement(analysis)
    return f"{line_sentence(line)}{_others(line, analysis.budget)}"


def line_sentence(line: BudgetLine) -> str:
    """How the model stands to one limit."""
    budget = subject_of(line)
    if line.metric == DEGREE:
        return f"{budget} {_growth(line)}"
    if line.status == "off":
        return f"{budget} not checked: {NO_BASE}" if is_on_growth(line) else f"{budget} switched off"
    if line.value is None or line.limit is None:
        return f"{budget} cannot be checked: {NO_BASE if line.value is not None else 'there is no count'}"
    used = " of ".join(apart(line.value, line.limit, metric(line).text))
    by_status = {
        "drift": f"was exceeded before this change: {used}{_by(line.value, line.limit, line)}",
        "fail": f"exceeded: {used}{_by(line.value, line.limit, line)}",
        "pass": f"kept: {used} ({headroom(line)} to spare)",
    }
    return f"{budget} {by_status.get(line.status, 'cannot be checked: the count is incomplete')}"


def _growth(line: BudgetLine) -> str:
    if line.status == "off":
        return f"not checked: {NO_BASE}" if line.limit is None else "switched off"
    now, most = power(line.value), power(line.limit)
    if line.status == "pass":
        return f"kept: {now}, at most {most}"
    first, *more = [layer or ITSELF for layer in line.layers]
    through = f"in layer {first}" + (f" and {len(more)} more" if more else "")
    how = "was exceeded before this change" if line.status == "drift" else "exceeded"
    return f"{how}: {now} {through}, at most {most}"


def said(line: BudgetLine) -> tuple[str, ...]:
    """What else there is to say about a limit: the cheapest fix, notes, and its own message unless it is kept."""
    remedy = remedy_text(line)
    fix = f"Cheapest fix: {remedy}" if remedy else ""
    message = line.message if line.status != "pass" else ""
    return tuple(filter(None, (fix, *notes(line), message)))


def subject_of(line: BudgetLine) -> str:
    """ "Parameter budget", with the layers that it is on; "Parameter growth budget" of a limit on growth."""
    on = "" if line.match == "*" else f" of {line.match}"
    if line.metric == DEGREE:
        return f"MAC growth budget{on}{f' with {line.dimension}' if line.dimension else ''}"
    return f"{metric(line).singular}{' growth' if is_on_growth(line) else ''} budget{on}"


def is_on_growth(line: BudgetLine) -> bool:
    """Whether the limit is what the base may grow to."""
    return line.growth is not None


def notes(line: BudgetLine) -> tuple[str, ...]:
    """What a limit on growth allows, whether the limit could be lower, and the exception that sets it or set it."""
    allowed = f"may grow by {allowance(line.metric, line.growth)}" if line.growth else ""
    slack = f"the limit could be lowered to {amount(line.metric, line.slack)}" if line.slack is not None else ""
    return tuple(filter(None, (allowed, slack, _override(line))))


def _override(line: BudgetLine) -> str:
    if line.override is None:
        return ""
    if line.usual is None:
        return f"the override ended on {line.override.until}: {line.override.reason}"
    usual = amount(line.metric, line.usual)
    return f"overridden{until(line.override)}, usually {usual}: {line.override.reason}"


def remedy_text(line: BudgetLine) -> str:
    """What brings a line under its limit, as a sentence; empty where it is not over it."""
    if line.remedy is None:
        return ""
    steps = line.remedy.steps
    if not steps:
        return "no piece of advice, nor all of them together, brings it under the limit"
    shown = [_step(step) for step in steps[:SHOWN]]
    more = [f"{len(steps) - SHOWN} more"] if len(steps) > SHOWN else []
    return f"{', '.join(shown + more)}; saves {line.remedy.saved:,} {UNITS[line.metric]}"


def _step(step: RemedyStep) -> str:
    where = f" ({step.file}:{step.line})" if step.file and step.line else ""
    return f"{step.rule} {step.name} at {step.path or 'the model'}{where}, {EFFORTS[step.effort]}"


def metric(line: BudgetLine) -> Metric:
    return METRICS[line.metric]


def headroom(line: BudgetLine) -> str:
    """What is left below the limit, negative above it; empty for a power."""
    if line.value is None or line.limit is None or line.metric == DEGREE:
        return ""
    return metric(line).text(line.limit - line.value)


def _by(value: int, limit: int, line: BudgetLine) -> str:
    """The excess, and this change's part in it."""
    text = size if metric(line).text is size else None
    excess = change(value - limit, text)
    if line.base is None:
        return f" ({excess})"
    return f" ({excess}; this change {change(value - line.base, text) if value != line.base else 'nothing'})"


def _others(line: BudgetLine, lines: Sequence[BudgetLine]) -> str:
    """How many more end alike, and, said aloud, that growth is not judged where there is no base."""
    alike = sum(outcome(other) == outcome(line) for other in lines) - 1
    kept = "kept" if outcome(line) == "pass" else "as well"
    others = f", and {plural(alike, 'other budget')} {kept}" if alike else ""
    unjudged = sum(other.status == "off" and is_on_growth(other) for other in lines if other is not line)
    if not unjudged or line.status == "off":
        return others
    return f"{others}; {plural(unjudged, 'growth budget')} not checked: {NO_BASE}"


def _movement(analysis: Analysis) -> str:
    difference = analysis.difference
    if difference is None:
        return ""
    before, after = difference.before, analysis.total
    if before is None:
        return f"New model: {count(after.params)} parameters, {count(after.macs)} MACs"
    moved = [
        f"{change(new - old)} {noun}"
        for old, new, noun in ((before.params, after.params, "parameters"), (before.macs, after.macs, "MACs"))
        if old is not None and new is not None and old != new
    ]
    return ", ".join(moved) or "Parameters and MACs unchanged"


def uncompared(analysis: Analysis) -> list[str]:
    """Why the model was not compared with its base."""
    return [absence.reason for absence in analysis.absences if absence.what == COMPARISON]


def is_unchanged(analysis: Analysis) -> bool:
    """Whether there is a base, nothing differs from it, and nothing fails."""
    difference = analysis.difference
    if difference is None or difference.before != analysis.total:
        return False
    fails = any(outcome(line) in ("fail", "unknown") for line in analysis.budget)
    return not (difference.layers or difference.budgets or difference.models_gone or fails)


def grown_by(changed: LayerChange, name: str) -> int:
    """How much more of a metric's own number the layer has than before: MACs, or parameters for all others."""
    field = "macs" if name in ("macs", DEGREE) else "params"
    before = getattr(changed.before, field, 0) or 0
    after = getattr(changed.after, field, 0) or 0
    return int(after - before)


def culprit(analysis: Analysis, line: BudgetLine) -> LayerChange | None:
    """The layer under the limit that grew most, when the base is known."""
    changed = analysis.difference.layers if analysis.difference else ()
    grown = [item for item in changed if grown_by(item, line.metric) > 0 and covers(line.match, item.path)]
    if line.metric == DEGREE:
        grown = [item for item in grown if item.path in line.layers]
    return max(grown, key=lambda item: grown_by(item, line.metric), default=None)
