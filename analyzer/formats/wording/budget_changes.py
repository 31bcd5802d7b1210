"""What a change did to the budgets themselves, in words."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from analyzer.values import amounts
from analyzer.values.gate_results import BudgetChange, BudgetTerms, Difference, Growth, OverrideTerms


def in_words(difference: Difference) -> tuple[str, ...]:
    """A sentence for each limit, level or exception that differs, and for each model that is gone."""
    gone = [f"model {name!r} and its budgets are no longer configured" for name in difference.models_gone]
    return (*(text for change in difference.budgets for text in _changes(change)), *gone)


def _changes(change: BudgetChange) -> Iterator[str]:
    old, new = change.before, change.after
    if old is not None and new is not None:
        yield from _edits(new.name, _facts(old), _facts(new))
    elif new is not None:
        yield f"budget {new.name!r} was added: {_listed(new)}"
    elif old is not None:
        yield f"budget {old.name!r} was removed: {_listed(old)}"


def _edits(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        if before is None:
            yield f"budget {name!r}: {key} of {after} was added"
        elif after is None:
            yield f"budget {name!r}: {key} of {before} was removed"
        elif before != after:
            yield f"budget {name!r}: {key} changed from {before} to {after}"


def _listed(terms: BudgetTerms) -> str:
    return ", ".join(f"{key} {value}" for key, value in _facts(terms).items() if key not in ("level", "match", "dtype"))


def _facts(terms: BudgetTerms) -> dict[str, str]:
    """All that decides, as texts that read back exactly."""
    facts = {f"limit on {metric}": amount(metric, limit) for metric, limit in terms.limits.items()}
    for metric, allowed in terms.growth.items():
        facts[f"allowed increase of {metric}"] = " and ".join(allowance(metric, growth) for growth in allowed)
    powers = terms.max_degree
    facts |= (
        {"highest power": "the base's"}
        if isinstance(powers, str)
        else {f"highest power of {name}": str(power) for name, power in powers.items()}
    )
    facts |= {"level": terms.level, "match": terms.match}
    facts |= {"dtype": terms.dtype} if terms.dtype else {}
    facts |= {"at": terms.at} if terms.at else {}
    facts |= {"ignore": ", ".join(terms.ignore)} if terms.ignore else {}
    return facts | ({"override": _override(terms.override)} if terms.override else {})


def _override(override: OverrideTerms) -> str:
    limits = ", ".join(f"{metric} {amount(metric, limit)}" for metric, limit in override.limits.items())
    return f"{limits}{until(override)} ({override.reason})"


def until(override: OverrideTerms) -> str:
    """ " until 2031-12-31", or nothing where it holds for ever."""
    return f" until {override.until}" if override.until else ""


def amount(metric: str, value: int) -> str:
    """A limit as configuration takes it."""
    return amounts.written(value, is_bytes=metric in amounts.BYTES)


def allowance(metric: str, growth: Growth) -> str:
    """ "2 %", or "2 % or 20k, whichever is more"."""
    share = Fraction(growth.numerator, growth.denominator)
    return amounts.allowance(share, growth.least, is_bytes=metric in amounts.BYTES)
