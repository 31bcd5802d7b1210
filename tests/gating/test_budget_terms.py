"""Edits of budgets are found, whatever they are; what decides nothing is not one."""

from datetime import date

import pytest

from analyzer.config.tables import Amount, Budget, CountLimit, Increase, Override, Percent
from analyzer.gating.budget_terms import budget_changes, terms_of
from analyzer.values.gate_results import BudgetChange, Growth, OverrideTerms

PLAIN = Budget(name="b", params=CountLimit(5_000_000))


@pytest.mark.parametrize(
    "after",
    [
        Budget(name="b", params=CountLimit(5_000_001)),
        Budget(name="b", params=CountLimit(5_000_000), macs=CountLimit(1)),
        Budget(name="b", params=CountLimit(5_000_000), level="warn"),
        Budget(name="b", params=CountLimit(5_000_000), match="a.*"),
        Budget(name="b", params=CountLimit(5_000_000), ignore=("a",)),
        Budget(name="b", params=CountLimit(5_000_000), max_increase=Increase(params=Percent(1, 50))),
        Budget(name="b", params=CountLimit(5_000_000), override=Override(limit=Amount(6_000_000), reason="r")),
    ],
)
def test_one_edit(after: Budget) -> None:
    assert budget_changes((PLAIN,), (after,)) == (BudgetChange(terms_of(PLAIN), terms_of(after)),)


def test_budgets_that_come_and_go() -> None:
    other = Budget(name="c", macs=CountLimit(7))
    assert budget_changes((PLAIN,), (other,)) == (
        BudgetChange(None, terms_of(other)),
        BudgetChange(terms_of(PLAIN), None),
    )


@pytest.mark.parametrize("after", [PLAIN, Budget(name="b", params=CountLimit(5_000_000), message="please ask")])
def test_what_is_no_edit(after: Budget) -> None:
    assert budget_changes((PLAIN,), (after,)) == ()


def test_a_plain_override_is_of_the_only_limit() -> None:
    override = Override(limit=Amount(6), reason="r", until=date(2030, 1, 2))
    assert terms_of(Budget(macs=CountLimit(5), override=override)).override == OverrideTerms(
        {"macs": 6}, "r", "2030-01-02"
    )


def test_two_limits_on_one_growth_are_both_kept() -> None:
    twice = (Increase(params=Percent(1, 50), min=Amount(7)), Increase(params=Percent(1, 10)))
    assert terms_of(Budget(max_increase=twice)).growth == {"params": (Growth(1, 50, 7), Growth(1, 10, 0))}
