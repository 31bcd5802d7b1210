"""What a change did to the budgets themselves, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from analyzer.config import BYTES, Budget
from analyzer.values import amounts


def budget_changes(before: tuple[Budget, ...], after: tuple[Budget, ...]) -> tuple[str, ...]:
    """A sentence for each limit, level or exception that differs; budgets are matched by their names."""
    old = {budget.title: _facts(budget) for budget in before}
    new = {budget.title: _facts(budget) for budget in after}
    added = [f"budget {name!r} was added: {_listed(facts)}" for name, facts in new.items() if name not in old]
    removed = [f"budget {name!r} was removed: {_listed(facts)}" for name, facts in old.items() if name not in new]
    kept = [change for name in new if name in old for change in _changes(name, old[name], new[name])]
    return (*kept, *added, *removed)


def _changes(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        if before is None:
            yield f"budget {name!r}: {key} of {after} was added"
        elif after is None:
            yield f"budget {name!r}: {key} of {before} was removed"
        elif before != after:
            yield f"budget {name!r}: {key} changed from {before} to {after}"


def _facts(budget: Budget) -> dict[str, str]:
    """All that decides about the verdict, as texts that read back exactly."""
    facts = {f"limit on {metric}": _amount(metric, limit) for metric, limit in budget.limits.items()}
    for increase in budget.increases:
        for metric, share in increase.shares.items():
            facts[f"allowed increase of {metric}"] = amounts.allowance(
                share, int(increase.min), is_bytes=metric in BYTES
            )
    facts["level"] = budget.level
    facts["match"] = budget.match
    facts |= {"dtype": budget.dtype} if budget.dtype else {}
    facts |= {"ignore": ", ".join(budget.ignore)} if budget.ignore else {}
    return facts | ({"override": _override(budget)} if budget.override else {})


def _override(budget: Budget) -> str:
    override = budget.override
    assert override is not None
    limits = {"limit": int(override.limit)} if override.limit is not None else override.limits
    metric = next(iter(budget.limits), "params")
    texts = [f"{name} {_amount(metric if name == 'limit' else name, limit)}" for name, limit in limits.items()]
    until = f" until {override.until}" if override.until else ""
    return f"{', '.join(texts)}{until} ({override.reason})"


def _amount(metric: str, limit: int) -> str:
    return amounts.written(limit, is_bytes=metric in BYTES)


def _listed(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items() if key not in ("level", "match", "dtype"))
