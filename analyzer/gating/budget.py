"""The verdict: how an analysis stands to its limits and to its base; pure, and on integers only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Final

from analyzer.config.tables import Budget
from analyzer.gating.budget_terms import terms_of
from analyzer.gating.growth_limits import growth_lines
from analyzer.values import amounts
from analyzer.values.counts import Layer
from analyzer.values.errors import Problem
from analyzer.values.gate_results import BudgetLine, Growth, OverrideTerms
from analyzer.values.layer_patterns import covered, covers, nearest
from analyzer.values.results import Analysis

TOTALS: Final = {
    "params": "params",
    "trainable-params": "trainable_params",
    "macs": "macs",
    "size": "param_bytes",
    "peak-memory": "peak_activation_bytes",
}
"""Where the totals hold what a metric names."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A value, its base and what is known of that base."""

    value: int | None
    base: int | None = None
    compared: bool = field(default=False)
    """Whether a base was asked for, and the model was there."""


def judge(
    analysis: Analysis, budgets: Iterable[Budget], base: Analysis | None = None, *, today: date
) -> tuple[BudgetLine, ...]:
    """One line for each limit; Problem when a pattern covers no layer.

    `base` is None when there is nothing to compare with: relative limits are then not judged, absolute ones fail
    whenever they are exceeded. An override holds up to and including its last day.
    """
    return tuple(
        line
        for budget in budgets
        for line in (
            *_lines(_sized(analysis, budget), budget, base and _sized(base, budget), today),
            *(_labelled(line, budget) for line in growth_lines(analysis, budget, base)),
        )
    )


def _sized(analysis: Analysis, budget: Budget) -> Analysis:
    """The analysis at the sizes that a budget holds at; Problem where it has no formulas for them."""
    if not budget.at:
        return analysis
    try:
        return analysis.at(**budget.sizes())
    except Problem as problem:
        raise Problem(f"budget {budget.title!r}: {problem}") from None


def verdict(lines: Iterable[BudgetLine]) -> str | None:
    """ "fail" when a line of level error fails, else "drift" when one is exceeded by inheritance, else "pass".

    None when nothing was judged. Lines of level warn never fail.
    """
    judged = [line for line in lines if line.status != "off"]
    if any(line.status == "fail" and line.level == "error" for line in judged):
        return "fail"
    if any(line.status == "drift" for line in judged):
        return "drift"
    return "pass" if judged else None


def _lines(analysis: Analysis, budget: Budget, base: Analysis | None, today: date) -> Iterator[BudgetLine]:
    _refuse_unmatched(analysis, budget)
    if budget.level == "off":
        off = (BudgetLine("", metric, None, limit, None, "off") for metric, limit in budget.limits.items())
        yield from (_labelled(line, budget) for line in off)
        return
    terms = terms_of(budget).override
    ended = budget.override is not None and budget.override.until is not None and today > budget.override.until
    agreed = terms.limits if terms and not ended else {}
    for metric, limit in budget.limits.items():
        line = absolute(metric, _standing(analysis, budget, base, metric), agreed.get(metric, limit))
        if metric in agreed:
            line = replace(line, override=terms, usual=limit)
        yield _labelled(replace(line, override=terms) if ended else line, budget)
    for increase in budget.increases:
        for metric, share in increase.shares.items():
            line = relative(metric, _standing(analysis, budget, base, metric), share, int(increase.min))
            yield _labelled(_allowed(line, terms, agreed.get(metric)), budget)


def absolute(metric: str, standing: Standing, limit: int) -> BudgetLine:
    """The line of a hard limit: meeting it is within it; what was inherited drifts and does not fail."""
    value, base = standing.value, standing.base
    if value is None:
        status = "unknown"
    elif value <= limit:
        status = "pass"
    else:
        status = "drift" if base is not None and value <= base else "fail"
    slack = _slack(standing, limit) if status == "pass" else None
    return BudgetLine("", metric, value, limit, base, status, slack=slack)


def relative(metric: str, standing: Standing, share: Fraction, least: int) -> BudgetLine:
    """The line of a limit on growth, which is breached when both the share and the least amount are exceeded."""
    value, base = standing.value, standing.base
    growth = Growth(share.numerator, share.denominator, least)
    if value is None or (standing.compared and base is None):
        return BudgetLine("", metric, value, None, base, "unknown", growth=growth)
    if base is None:
        return BudgetLine("", metric, value, None, None, "off", growth=growth)
    # An integer exceeds base + share exactly when it exceeds its floor.
    limit = base + max((base * share).__floor__(), least)
    return BudgetLine("", metric, value, limit, base, "pass" if value <= limit else "fail", growth=growth)


def _slack(standing: Standing, limit: int) -> int | None:
    """What the limit could be lowered to; None when this change did not bring that about."""
    value, base = standing.value, standing.base
    if value is None or (base is not None and value >= base):
        return None
    enough = amounts.headroom(value)
    return enough if enough < limit else None


def _standing(analysis: Analysis, budget: Budget, base: Analysis | None, metric: str) -> Standing:
    """A part that the base does not have is new there."""
    compared = base is not None and bool(_covered_layers(base, budget))
    before = measured(base, budget, metric) if base is not None and compared else None
    return Standing(measured(analysis, budget, metric), before, compared)


def measured(analysis: Analysis, budget: Budget, metric: str) -> int | None:
    """What the budget's layers come to, in elements, MACs or bytes; None when that is not known exactly."""
    whole = budget.match == "*" and not budget.ignore
    layers = _covered_layers(analysis, budget)
    if metric == "macs" and not _is_counted(analysis, layers):
        return None
    if metric == "size" and budget.dtype is not None:
        elements = analysis.total.params if whole else sum(layer.params for layer in layers)
        return -(-elements * amounts.BITS[budget.dtype] // 8)
    if whole:
        total: int | None = getattr(analysis.total, TOTALS[metric])
        return total
    return sum(layer.params if metric == "params" else layer.macs or 0 for layer in layers)


def _is_counted(analysis: Analysis, layers: Iterable[Layer]) -> bool:
    """Whether no operator without a count belongs to one of the layers; one without a layer may belong to any."""
    if analysis.complete:
        return True
    paths = {layer.path for layer in layers}
    known = analysis.total.macs is not None and bool(analysis.uncounted)
    return known and all(item.layers and paths.isdisjoint(item.layers) for item in analysis.uncounted)


def _covered_layers(analysis: Analysis, budget: Budget) -> list[Layer]:
    return [
        layer
        for layer in analysis.layers
        if covers(budget.match, layer.path) and not covered(budget.ignore, layer.path)
    ]


def _refuse_unmatched(analysis: Analysis, budget: Budget) -> None:
    paths = [layer.path for layer in analysis.layers]
    for pattern in (budget.match, *budget.ignore):
        if not any(covers(pattern, path) for path in paths):
            near = ", ".join(nearest(pattern, paths)) or "none"
            raise Problem(
                f"budget {budget.title!r}: {pattern!r} matches no layer of {analysis.model.target}; nearest: {near}"
            )


def _allowed(line: BudgetLine, override: OverrideTerms | None, instead: int | None) -> BudgetLine:
    """A breach of a limit on growth stands no longer up to a limit that an override sets."""
    if instead is None or line.limit is None or line.value is None or instead <= line.limit:
        return line
    status = "pass" if line.value <= instead else line.status
    return replace(line, limit=instead, usual=line.limit, status=status, override=override)


def _labelled(line: BudgetLine, budget: Budget) -> BudgetLine:
    return replace(line, name=budget.title, match=budget.match, level=budget.level, message=budget.message)
