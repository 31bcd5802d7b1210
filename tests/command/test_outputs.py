"""What is written of one call's analyses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from analyzer.command.outputs import Wanted, compared, differences, step_summary, texts
from analyzer.values.counts import Model, Total, Tracing
from analyzer.values.gate_results import Difference
from analyzer.values.results import Analysis


def analysis(name: str = "net", **options: Any) -> Analysis:
    return Analysis(
        analyzer_version="1",
        model=Model(name, f"{name}.py", "Net"),
        inputs=(),
        tracing=Tracing("meta", 0),
        total=Total(1, 1, 0, 4, 2, 4, 0, 0, 0),
        complete=True,
        **options,
    )


def test_one_model_is_left_as_it_is() -> None:
    assert compared([analysis()]) == [analysis()]


def test_several_know_of_each_other_and_have_names_of_their_own() -> None:
    first, second = compared([analysis(), analysis()])
    assert (first.model.name, second.model.name) == ("net", "net-2")
    assert [row.name for row in first.comparison] == ["net", "net-2"]
    assert first.comparison == second.comparison


def test_by_default_every_model_has_its_report() -> None:
    written = texts(compared([analysis(), analysis("other")]), Wanted(), Path())
    assert sorted(written) == [f"reports/{n}" for n in ("comparison.md", "net.md", "net.svg", "other.md", "other.svg")]


def test_a_gate_writes_only_what_is_wanted() -> None:
    gated = analysis(verdict="pass")
    assert texts([gated], Wanted(), Path()) == {}
    assert list(texts([gated], Wanted((("json", "a.json"),)), Path())) == ["a.json"]


def test_wanted_reports_only() -> None:
    assert list(texts([analysis()], Wanted((("json", "-"), ("text", "a.txt"))), Path())) == ["-", "a.txt"]


def test_only_a_gate_adds_to_the_steps_summary() -> None:
    assert step_summary([analysis()]) == ""
    assert "# net" in step_summary([analysis(verdict="pass")]).lower()


def test_of_several_each_is_compared_with_the_first_and_a_rewritten_one_with_its_original() -> None:
    names = ("a", "b", "a-rewritten", "b-rewritten")
    found = differences([analysis(name) for name in names])
    assert [each.base if each else None for each in found] == [None, "a", "a", "b"]


def test_a_base_goes_before_the_first_of_several() -> None:
    base = Difference("main", None)
    several = [replace(analysis("a"), difference=base), replace(analysis("b"), difference=base)]
    assert differences(several) == [base, base]


def test_the_page_of_two_models_compares_them() -> None:
    (page,) = texts([analysis("a"), analysis("b")], Wanted((("html", "out.html"),)), Path()).values()
    assert "2 models side by side" in page
