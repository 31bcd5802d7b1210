"""The gate: analyses held to their budgets, and to what the models were before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from analyzer.config.tables import Budget
from analyzer.gating.base import Base, base_of
from analyzer.gating.budget import judge, verdict
from analyzer.gating.budget_terms import budget_changes
from analyzer.gating.counterparts import Counterparts
from analyzer.gating.layer_diff import difference
from analyzer.gating.plan import COMMAND_LINE, Plan, PlannedModel, plan_for
from analyzer.gating.remedy import remedy
from analyzer.gating.repository import folder_of, repository_of
from analyzer.gating.workers import Job, Listener, Outcome, run
from analyzer.values.counts import Absence
from analyzer.values.errors import Problem
from analyzer.values.gate_results import COMPARISON, DEGREE, BudgetLine, Difference
from analyzer.values.requests import WorkRequest
from analyzer.values.results import Analysis

__all__ = ["Job", "Plan", "analyses_of", "check_base", "folder_of", "gate", "known", "plan_for", "run"]


def analyses_of(plan: Plan, work: WorkRequest, listen: Listener = lambda _: None) -> list[Analysis]:
    """The planned models, each analysed as `work` says in a process of its own, side by side; Problem of the first."""
    jobs = [Job(replace(work, models=(model.request,)), plan.directory) for model in plan.models]
    return [analysis for outcome in run(jobs, listen) for analysis in known(outcome)]


def check_base(plan: Plan, against: str) -> None:
    """Raise Problem, before anything is analysed, when there is no such report or revision to compare with."""
    if not Path(against).is_file():
        repository_of(plan.directory).merge_base(against)


def gate(
    analyses: Sequence[Analysis], plan: Plan, against: str | None = None, *, today: date, broken_base: str = "fail"
) -> list[Analysis]:
    """The analyses of the planned models, in their order, with budget, verdict and difference filled.

    `against` is a git revision or a report's JSON file. Problem when the base cannot be had, when a budget's pattern
    matches nothing, and when a budget depends on a number that is not known. With `broken_base` "absolute" a base that
    cannot be analysed is named among the absences, and limits on growth are not judged.
    """
    base = base_of(plan, against, may_be_broken=broken_base == "absolute") if against else None
    gone = _gone(plan, base.counterparts) if base and base.counterparts else ()
    _refuse_unmatched(plan, base, gone)
    befores = base.analyses if base else (None,) * len(plan.models)
    gated = []
    for analysis, model, before in zip(analyses, plan.models, befores, strict=True):
        if isinstance(before, Problem):
            absence = Absence(COMPARISON, "", f"{before}; only absolute limits were checked")
            judged = _judged(analysis, model.budgets, None, today)
            gated.append(replace(judged, absences=(*judged.absences, absence)))
        else:
            judged = _judged(analysis, model.budgets, before, today)
            found = _difference(judged, before, model, plan, base, () if gated else gone) if base else None
            gated.append(replace(judged, difference=found))
    return gated


def _judged(analysis: Analysis, budgets: Sequence[Budget], before: Analysis | None, today: date) -> Analysis:
    lines = tuple(
        replace(line, remedy=None if budget.at or line.metric == DEGREE else remedy(analysis, line, budget))
        for budget in budgets
        for line in judge(analysis, (budget,), before, today=today)
    )
    for line in lines:
        _refuse_unknown(analysis, line)
    return replace(analysis, budget=lines, verdict=verdict(lines), difference=None)


def _difference(
    judged: Analysis, before: Analysis | None, model: PlannedModel, plan: Plan, base: Base, gone: tuple[str, ...]
) -> Difference:
    """With what happened to the model's budgets, where the base had a configuration, and the models that are `gone`."""
    breached = next((line.metric for line in judged.budget if line.status == "fail"), "params")
    found = difference(before, judged, base.title, "macs" if breached == DEGREE else breached)
    was = base.counterparts.of(model, plan.directory) if base.counterparts else None
    own = tuple(item for item in model.budgets if item.name != COMMAND_LINE)
    edits = budget_changes(was.budgets, own) if was else ()
    return replace(found, changed_lines=base.changed_lines, budgets=edits, models_gone=gone)


def _gone(plan: Plan, counterparts: Counterparts) -> tuple[str, ...]:
    """Models that the base's configuration has and this one does not, by their names."""
    if plan.config is None:
        return ()
    home = plan.config.directory.absolute()
    kept = [counterparts.of(PlannedModel(m.request, formerly=m.formerly), home) for m in plan.config.models]
    return tuple(model.name or model.target for model in counterparts.models if model not in kept)


def _refuse_unmatched(plan: Plan, base: Base | None, gone: Sequence[str]) -> None:
    """A model that lost its name and its place must not lose its limits on growth with them."""
    for model, before in zip(plan.models, base.analyses if base and gone else (), strict=False):
        if before is None and model.limits_growth:
            title = model.request.name or model.request.target
            raise Problem(
                f"{title} has limits on growth and is not at the base, whose {gone[0]!r} is no longer configured; "
                f"if it is the same model, write formerly = {gone[0]!r} beside its target, else leave max-increase out"
            )


def _refuse_unknown(analysis: Analysis, line: BudgetLine) -> None:
    if line.status != "unknown":
        return
    where = f"budget {line.name!r}: {line.metric} of {analysis.model.target}"
    if line.value is not None:
        raise Problem(f"{where} cannot be compared, because the base has no complete count of them")
    operators = ", ".join(item.operator for item in analysis.uncounted)
    why = f"no count of {operators}" if operators else analysis.tracing.reason or "they were not counted"
    raise Problem(f"{where} cannot be judged: {why}; limit something else, or switch this one off")


def known(outcome: Outcome) -> tuple[Analysis, ...]:
    """The analyses of a worker; Problem when it has none."""
    if isinstance(outcome, Problem):
        raise outcome
    return outcome
