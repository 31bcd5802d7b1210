"""The remedy for a limit that is exceeded: the fewest and least risky pieces of advice that save enough."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from analyzer.config.tables import Budget
from analyzer.values import amounts
from analyzer.values.advice import Advice
from analyzer.values.gate_results import BudgetLine, Remedy, RemedyStep
from analyzer.values.layer_patterns import covered, covers
from analyzer.values.results import Analysis

EFFORTS: Final = ("none", "finetune", "retrain")
"""From the least to the most that a change asks for."""


def cheapest(analysis: Analysis, line: BudgetLine, budget: Budget) -> tuple[Advice, ...] | None:
    """The changes that bring a line under its limit; empty when it is there, None when advice does not get it there.

    A change for inference only is none of them: the code that is gated is trained. Changes that keep the output are
    preferred to finetuning, and that to retraining; of these as few as will do, and at most one for a layer, so that
    what they save adds up.
    """
    if line.value is None or line.limit is None:
        return None
    excess = line.value - line.limit
    if excess <= 0:
        return ()
    useful = (
        item
        for item in analysis.advice
        if covers(line.match, item.path) and not covered(budget.ignore, item.path)
        if item.proposed is not None and item.effort in EFFORTS and not item.inference_only
    )
    savings = [(saved, item) for item in useful if (saved := _saved(analysis, item, line, budget)) > 0]
    for effort in range(len(EFFORTS)):
        chosen = _fewest([pair for pair in savings if EFFORTS.index(pair[1].effort) <= effort], excess)
        if chosen is not None:
            return chosen
    return None


def remedy(analysis: Analysis, line: BudgetLine, budget: Budget) -> Remedy | None:
    """The changes of `cheapest` with what they save together; None for a line that is not over its limit."""
    if line.status not in ("fail", "drift"):
        return None
    chosen = cheapest(analysis, line, budget)
    if chosen is None:
        return Remedy()
    steps = tuple(RemedyStep(i.rule, i.name, i.path, i.effort, i.file, i.line) for i in chosen)
    return Remedy(steps, sum(_saved(analysis, item, line, budget) for item in chosen))


def _saved(analysis: Analysis, item: Advice, line: BudgetLine, budget: Budget) -> int:
    """What the advice takes off the line's metric; whole bytes, rounded down; nothing where that is not known."""
    if item.saved is None or line.metric == "peak-memory":
        return 0
    if line.metric == "macs":
        return item.saved.macs
    if line.metric != "size":
        return item.saved.params
    if budget.dtype is not None:
        return item.saved.params * amounts.BITS[budget.dtype] // 8
    return item.saved.params * analysis.total.param_bytes // analysis.total.params if analysis.total.params else 0


def _fewest(savings: Iterable[tuple[int, Advice]], excess: int) -> tuple[Advice, ...] | None:
    """The best of each layer, largest first, until they save the excess; None when they never do."""
    best: dict[str, tuple[int, Advice]] = {}
    for saved, item in savings:
        if item.path not in best or _preferred(saved, item) > _preferred(*best[item.path]):
            best[item.path] = saved, item
    chosen: list[Advice] = []
    for saved, item in sorted(best.values(), key=lambda pair: _preferred(*pair), reverse=True):
        if excess <= 0:
            break
        chosen.append(item)
        excess -= saved
    return tuple(chosen) if excess <= 0 else None


def _preferred(saved: int, item: Advice) -> tuple[int, int]:
    return saved, -EFFORTS.index(item.effort)
