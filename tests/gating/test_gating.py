"""Analyses held to their budgets: verdicts, bases that are broken, and numbers that are not known."""

from datetime import date
from pathlib import Path

import pytest

from analyzer.gating import check_base, gate, known, plan_for
from analyzer.gating.plan import Plan
from analyzer.values.counts import Layer, Model, Total, Tracing, Uncounted
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest
from analyzer.values.results import Analysis

TODAY = date(2026, 1, 2)


def analysis(params: int = 100, macs: int | None = 1000, complete: bool = True) -> Analysis:
    return Analysis(
        analyzer_version="1",
        model=Model("net", "net.py", "Net"),
        inputs=(),
        tracing=Tracing("meta", 1, ""),
        total=Total(params, params, 0, 4 * params, macs),
        complete=complete,
        layers=(Layer("fc", "Linear", None, None, 1, (), (), params, macs, 0),),
        uncounted=() if complete else (Uncounted("mine.op", 1, ("",), "there is no formula"),),
    )


def planned(**limits: str) -> Plan:
    return plan_for(None, (ModelRequest("net.py"),), ModelRequest(""), limits)


@pytest.mark.parametrize(("params", "verdict"), [(100, "pass"), (101, "fail")])
def test_meeting_a_limit_is_within_it(params: int, verdict: str) -> None:
    (judged,) = gate([analysis(params)], planned(params="100"), today=TODAY)
    assert (judged.verdict, judged.difference) == (verdict, None)


def test_a_number_that_is_not_known_cannot_be_held_to_a_limit() -> None:
    with pytest.raises(Problem, match=r"cannot be judged: no count of mine\.op"):
        gate([analysis(macs=None, complete=False)], planned(macs="2k"), today=TODAY)


def test_a_report_is_a_base(tmp_path: Path) -> None:
    base = tmp_path / "base.json"
    base.write_text(analysis(90).to_json())
    check_base(planned(), str(base))
    (judged,) = gate([analysis(100)], planned(), str(base), today=TODAY)
    assert judged.difference is not None
    assert judged.difference.before == analysis(90).total
    assert [layer.path for layer in judged.difference.layers] == ["fc"]


def test_a_worker_without_an_answer_is_its_problem() -> None:
    assert known((analysis(),)) == (analysis(),)
    with pytest.raises(Problem, match="does not build"):
        known(Problem("net.py does not build"))
