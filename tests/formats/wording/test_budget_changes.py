"""Edits of budgets in words, with amounts as configuration takes them."""

from dataclasses import replace

import pytest

from analyzer.formats.wording.budget_changes import in_words
from analyzer.values.gate_results import BudgetChange, BudgetTerms, Difference, Growth, OverrideTerms

PLAIN = BudgetTerms("b", {"params": 5_000_000}, {})
GROWING = BudgetTerms("b", {}, {"params": (Growth(1, 50, 20_000),)})


def told(*changes: BudgetChange, gone: tuple[str, ...] = ()) -> tuple[str, ...]:
    return in_words(Difference("main", None, budgets=changes, models_gone=gone))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (PLAIN, replace(PLAIN, limits={"params": 6_000_000}), "limit on params changed from 5M to 6M"),
        (PLAIN, replace(PLAIN, limits={"params": 5_000_001}), "limit on params changed from 5M to 5000001"),
        (PLAIN, replace(PLAIN, limits={**PLAIN.limits, "size": 2**20}), "limit on size of 1MiB was added"),
        (PLAIN, replace(PLAIN, level="warn"), "level changed from error to warn"),
        (PLAIN, replace(PLAIN, match="a.*"), "match changed from * to a.*"),
        (PLAIN, replace(PLAIN, ignore=("a", "b")), "ignore of a, b was added"),
        (
            PLAIN,
            replace(PLAIN, override=OverrideTerms({"params": 6_000_000}, "new head")),
            "override of params 6M (new head) was added",
        ),
        (
            replace(PLAIN, override=OverrideTerms({"params": 2}, "r", "2030-01-02")),
            PLAIN,
            "override of params 2 until 2030-01-02 (r) was removed",
        ),
        (
            GROWING,
            replace(GROWING, growth={"params": (Growth(1, 20, 0),)}),
            "allowed increase of params changed from 2 % or 20k, whichever is more to 5 %",
        ),
        (
            GROWING,
            replace(GROWING, growth={"params": (Growth(1, 50, 20_000), Growth(1, 20, 0))}),
            "allowed increase of params changed from 2 % or 20k, whichever is more "
            "to 2 % or 20k, whichever is more and 5 %",
        ),
    ],
)
def test_one_edit(before: BudgetTerms, after: BudgetTerms, said: str) -> None:
    assert told(BudgetChange(before, after)) == (f"budget 'b': {said}",)


def test_budgets_and_models_that_come_and_go() -> None:
    new = BudgetChange(None, BudgetTerms("c", {"macs": 7}, {}))
    assert told(new, BudgetChange(PLAIN, None), gone=("small",)) == (
        "budget 'c' was added: limit on macs 7",
        "budget 'b' was removed: limit on params 5M",
        "model 'small' and its budgets are no longer configured",
    )
