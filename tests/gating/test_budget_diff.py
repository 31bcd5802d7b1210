"""Edits of budgets are told, whatever they are; what decides nothing is not."""

from datetime import date

import pytest

from analyzer.config import Budget, Increase, Override
from analyzer.config.tables import Amount, Bytes, CountLimit, Percent
from analyzer.gating.budget_diff import budget_changes

PLAIN = Budget(name="b", params=CountLimit(5_000_000))
GROWING = Budget(name="b", max_increase=Increase(params=Percent(1, 50), min=Amount(20_000)))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (PLAIN, Budget(name="b", params=CountLimit(6_000_000)), "limit on params changed from 5M to 6M"),
        (PLAIN, Budget(name="b", params=CountLimit(5_000_001)), "limit on params changed from 5M to 5000001"),
        (PLAIN, Budget(name="b", params=CountLimit(5_000_000), size=Bytes(2**20)), "limit on size of 1MiB was added"),
        (PLAIN, Budget(name="b", params=CountLimit(5_000_000), level="warn"), "level changed from error to warn"),
        (PLAIN, Budget(name="b", params=CountLimit(5_000_000), match="a.*"), "match changed from * to a.*"),
        (PLAIN, Budget(name="b", params=CountLimit(5_000_000), ignore=("a", "b")), "ignore of a, b was added"),
        (
            PLAIN,
            Budget(
                name="b", params=CountLimit(5_000_000), override=Override(limit=Amount(6_000_000), reason="new head")
            ),
            "override of limit 6M (new head) was added",
        ),
        (
            Budget(
                name="b",
                params=CountLimit(1),
                override=Override(params=CountLimit(2), reason="r", until=date(2030, 1, 2)),
            ),
            Budget(name="b", params=CountLimit(1)),
            "override of params 2 until 2030-01-02 (r) was removed",
        ),
        (
            GROWING,
            Budget(name="b", max_increase=Increase(params=Percent(1, 20))),
            "allowed increase of params changed from 2 % or 20k, whichever is more to 5 %",
        ),
    ],
)
def test_one_edit(before: Budget, after: Budget, said: str) -> None:
    assert budget_changes((before,), (after,)) == (f"budget 'b': {said}",)


def test_budgets_that_come_and_go() -> None:
    other = Budget(name="c", macs=CountLimit(7))
    assert budget_changes((PLAIN,), (other,)) == (
        "budget 'c' was added: limit on macs 7",
        "budget 'b' was removed: limit on params 5M",
    )


@pytest.mark.parametrize("after", [PLAIN, Budget(name="b", params=CountLimit(5_000_000), message="please ask")])
def test_what_is_no_edit(after: Budget) -> None:
    assert budget_changes((PLAIN,), (after,)) == ()
