"""The lines of limits on how MACs grow: the highest power of each size of the inputs, and the layers that have it."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.config.tables import Budget
from analyzer.values.errors import Problem
from analyzer.values.gate_results import DEGREE, BudgetLine
from analyzer.values.layer_patterns import covered, covers
from analyzer.values.results import Analysis


def growth_lines(analysis: Analysis, budget: Budget, base: Analysis | None) -> Iterator[BudgetLine]:
    """A line for each size whose power in the MACs of the budget's layers is limited; Problem where it is not known.

    With "base" these are all sizes that can change here or there, and no power may be higher than there.
    """
    limits = budget.max_degree
    if budget.level == "off":
        named = {"": None} if isinstance(limits, str) else limits
        yield from (BudgetLine("", DEGREE, None, limit, None, "off", dimension=name) for name, limit in named.items())
        return
    for name in _names(analysis, base) if isinstance(limits, str) else limits:
        powers = _powers(analysis, budget, name)
        value = max(powers.values(), default=0)
        before = _before(base, budget, name, must=isinstance(limits, str))
        limit = before if isinstance(limits, str) else limits[name]
        above = tuple(path for path, power in powers.items() if limit is not None and power > limit)
        status = _status(value, limit, before)
        yield BudgetLine("", DEGREE, value, limit, before, status, dimension=name, layers=above)


def _status(value: int, limit: int | None, before: int | None) -> str:
    """What was inherited drifts and does not fail."""
    if limit is None:
        return "off"
    if value <= limit:
        return "pass"
    return "drift" if before is not None and value <= before else "fail"


def _names(analysis: Analysis, base: Analysis | None) -> list[str]:
    both = (one.scaling.dimensions for one in (analysis, base) if one and one.scaling)
    return [*dict.fromkeys(item.name for dimensions in both for item in dimensions)]


def _before(base: Analysis | None, budget: Budget, name: str, *, must: bool) -> int | None:
    """The power at the base; None without a base, and unless it `must` be known where it is not."""
    if base is None:
        return None
    try:
        return max(_powers(base, budget, name, at_base=True).values(), default=0)
    except Problem:
        if must:
            raise
        return None


def _powers(analysis: Analysis, budget: Budget, name: str, *, at_base: bool = False) -> dict[str, int]:
    """The highest power of a size in the MACs of each of the budget's layers; Problem where one is not known."""
    unknown = f"budget {budget.title!r}: how MACs grow with {name}{' at the base' if at_base else ''} cannot be judged"
    if analysis.scaling is None:
        raise Problem(f"{unknown}: there are no formulas; write that report with --symbolic")
    place = analysis.scaling.place(name, f"{unknown}: ")
    if not analysis.complete:
        raise Problem(f"{unknown}: no count of {', '.join(item.operator for item in analysis.uncounted)}")
    found = {}
    for row in analysis.scaling.layers:
        if covers(budget.match, row.path) and not covered(budget.ignore, row.path):
            if row.macs is None:
                raise Problem(f"{unknown}: the MACs of layer {row.path!r} are no polynomial")
            found[row.path] = row.macs.degree(place)
    return found
