"""Budgets as they are written, and the integers that they allow."""

from typing import Any

import pytest

from analyzer.fitting.fit_budgets import of_arguments, parsed
from analyzer.values.errors import Problem

LIMITS: dict[str, tuple[int, int]] = {
    "macs=50%": (1001, 500),
    "macs=33.3%": (1000, 333),
    "macs=2G": (7 * 10**9, 2 * 10**9),
    "params=5.5M": (10**7, 5_500_000),
    "size=20MB": (10**9, 20 * 10**6),
    "size=1MiB": (10**9, 2**20),
    "peak-memory=100%": (123, 123),
    "latency=3ms": (10**9, 3_000_000),
    "latency=250us": (10**9, 250_000),
    "latency=1.5s": (10**10, 1_500_000_000),
}


@pytest.mark.parametrize(("text", "numbers"), LIMITS.items(), ids=LIMITS)
def test_the_limit_is_the_largest_integer_within(text: str, numbers: tuple[int, int]) -> None:
    before, limit = numbers
    (goal,) = parsed((text,))
    assert goal.limit(before) == limit
    assert f"{goal.metric}={goal.asked}" == text


@pytest.mark.parametrize(
    ("value", "limit"), [(0.5, 500), (0.3, 300), (1.0, 1000), (250, 250), ("10%", 100), ("2k", 2000)]
)
def test_python_takes_shares_amounts_and_text(value: Any, limit: int) -> None:
    (goal,) = of_arguments({"macs": value, "params": None})
    assert goal.limit(1000) == limit


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("macs",),
        ("speed=50%",),
        ("macs=0%",),
        ("macs=150%",),
        ("macs=-5",),
        ("macs=fast",),
        ("latency=3",),
        ("latency=soonms",),
        ("macs=50%", "macs=2G"),
    ],
)
def test_what_is_no_budget_is_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(Problem, match=r"macs=50%|given twice"):
        parsed(texts)
