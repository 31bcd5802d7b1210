"""What budgets hold a model to, as values of a report, and which of them a change has edited."""

from __future__ import annotations

from analyzer.config.tables import Budget, Override
from analyzer.values.gate_results import BudgetChange, BudgetTerms, Growth, OverrideTerms


def budget_changes(before: tuple[Budget, ...], after: tuple[Budget, ...]) -> tuple[BudgetChange, ...]:
    """Budgets whose limits, level, layers or exception differ, those that were kept first; matched by their names."""
    old = {budget.title: terms_of(budget) for budget in before}
    new = {budget.title: terms_of(budget) for budget in after}
    kept = [BudgetChange(old[name], terms) for name, terms in new.items() if name in old and old[name] != terms]
    added = [BudgetChange(None, terms) for name, terms in new.items() if name not in old]
    removed = [BudgetChange(terms, None) for name, terms in old.items() if name not in new]
    return (*kept, *added, *removed)


def terms_of(budget: Budget) -> BudgetTerms:
    """All that decides about the verdict."""
    growth: dict[str, tuple[Growth, ...]] = {}
    for increase in budget.increases:
        for metric, share in increase.shares.items():
            allowed = Growth(share.numerator, share.denominator, int(increase.min))
            growth[metric] = (*growth.get(metric, ()), allowed)
    return BudgetTerms(
        name=budget.title,
        limits=budget.limits,
        growth=growth,
        level=budget.level,
        match=budget.match,
        ignore=budget.ignore,
        dtype=budget.dtype,
        at=budget.at,
        max_degree=budget.max_degree,
        override=_override(budget, budget.override) if budget.override else None,
    )


def _override(budget: Budget, override: Override) -> OverrideTerms:
    """A plain `limit` is of the budget's only metric."""
    limits = override.limits
    if override.limit is not None:
        limits = dict.fromkeys(budget.limits, int(override.limit))
    return OverrideTerms(limits, override.reason, override.until.isoformat() if override.until else None)
