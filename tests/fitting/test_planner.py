"""The plan under budgets, the trade-off, and what is said of budgets out of reach."""

from typing import Any

import pytest
from torch import nn

import analyzer
from analyzer import Problem


def test_the_trade_off_grows_towards_a_fifth_and_has_a_knee(half: Any) -> None:
    shares = [point.share for point in half.curve]
    harms = [point.harm for point in half.curve]
    assert (shares[0], shares[-1]) == (1.0, 0.2)
    assert harms[0] == 0
    assert harms == sorted(harms)
    assert [point.is_knee for point in half.curve].count(True) == 1
    assert all(point.value <= point.share * half.curve[0].value for point in half.curve)


def test_several_budgets_are_met_at_once(digits: Any, digits_model: nn.Module) -> None:
    plan = analyzer.fit(digits_model, digits.images[:256], macs="60%", params=15_000, size="80kB")
    found = analyzer.analyze(plan.model, digits.images[:1]).total
    assert found.macs is not None
    assert found.macs <= 747136 * 0.6
    assert found.params <= 15_000
    assert found.param_bytes <= 80_000
    assert [budget.traced for budget in plan.result.budgets] == [found.params, found.macs, found.param_bytes]


REFUSED = {
    "macs=1%": {"macs": 0.01},
    "no budget": {},
    "a share is above 0": {"macs": 1.5},
    "peak-memory": {"peak_memory": 0.5},
    "is not a plain integer": {"params": "many"},
}


@pytest.mark.parametrize(("said", "budgets"), REFUSED.items(), ids=REFUSED)
def test_a_budget_that_cannot_be_is_refused(
    said: str, budgets: dict[str, Any], digits: Any, digits_model: nn.Module
) -> None:
    with pytest.raises(Problem, match=said):
        analyzer.fit(digits_model, digits.images[:32], **budgets)


def test_what_is_out_of_reach_says_the_least_there_is_and_what_binds(digits: Any, digits_model: nn.Module) -> None:
    with pytest.raises(Problem, match=r"macs=1%: of 747,136 at least [\d,]+ remain, most of it in \d+ and \d+"):
        analyzer.fit(digits_model, digits.images[:32], macs=0.01)
