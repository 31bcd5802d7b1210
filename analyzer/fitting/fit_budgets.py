"""Budgets that a model is fitted to: "macs=50%", "params=5M" or, in Python, macs=0.5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from analyzer.values.amounts import BYTES, count, nbytes, percent
from analyzer.values.errors import Problem

METRICS = ("params", "macs", "size", "peak-memory", "latency")
SECONDS = {"ns": 1, "us": 1000, "µs": 1000, "ms": 10**6, "s": 10**9}
EXAMPLE = "write it like macs=50%, params=5M, size=20MB or latency=3ms"


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit on one metric: an amount, or a share of what the model takes now."""

    metric: str
    asked: str
    amount: int | None = None
    share: Fraction | None = None

    def limit(self, before: int) -> int:
        """The largest integer that is within the budget."""
        return floor(self.share * before) if self.share is not None else self.amount or 0


def parsed(texts: tuple[str, ...]) -> tuple[Goal, ...]:
    """Of `METRIC=AMOUNT` texts; Problem for one that is not, or two that speak of one metric."""
    pairs = [text.partition("=") for text in texts]
    wrong = next((text for text, (name, _, _) in zip(texts, pairs, strict=True) if name not in METRICS), None)
    if wrong is not None:
        raise Problem(f"--fit {wrong}: there is no such budget; {EXAMPLE} ({', '.join(METRICS)})")
    return _distinct([_budget(name, text) for name, _, text in pairs])


def of_arguments(values: Mapping[str, int | float | str | None]) -> tuple[Goal, ...]:
    """Of keyword arguments: a float is a share up to 1, an integer an amount, a text as on the command line."""
    return _distinct(
        [_of_argument(name.replace("_", "-"), value) for name, value in values.items() if value is not None]
    )


def _of_argument(metric: str, value: int | float | str) -> Goal:
    if isinstance(value, str):
        return _budget(metric, value)
    if isinstance(value, float):
        if not 0 < value <= 1:
            raise Problem(f"{metric}={value}: a share is above 0 and at most 1; give amounts as integers or text")
        return Goal(metric, f"{100 * value:g}%", share=Fraction(str(value)))
    return Goal(metric, str(value), amount=value)


def _budget(metric: str, text: str) -> Goal:
    try:
        if text.strip().endswith("%"):
            share = percent(text)
            if not 0 < share <= 1:
                raise ValueError(f"{text!r} is not a share of what the model takes now, above 0% and at most 100%")
            return Goal(metric, text.strip(), share=share)
        return Goal(metric, text.strip(), amount=_amount(metric, text))
    except ValueError as error:
        raise Problem(f"--fit {metric}={text}: {error}; {EXAMPLE}") from error


def _amount(metric: str, text: str) -> int:
    if metric == "latency":
        return _nanoseconds(text)
    return nbytes(text) if metric in BYTES else count(text)


def _nanoseconds(text: str) -> int:
    unit = next((unit for unit in SECONDS if text.strip().endswith(unit)), "")
    number = text.strip().removesuffix(unit).strip()
    try:
        return int(Fraction(number) * SECONDS[unit])
    except (KeyError, ValueError):
        raise ValueError(f"{text!r} is not a time, such as 3ms or 250us") from None


def _distinct(budgets: list[Goal]) -> tuple[Goal, ...]:
    names = [budget.metric for budget in budgets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Problem(f"--fit {twice}= is given twice; give one limit for each metric")
    if not budgets:
        raise Problem(f"there is no budget to fit the model to; {EXAMPLE}")
    return tuple(budgets)
