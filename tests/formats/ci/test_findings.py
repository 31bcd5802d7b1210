from dataclasses import replace

import pytest

from analyzer.formats.ci.findings import findings
from analyzer.values.gate_results import Growth


def test_errors_come_first_then_warnings_then_notes(gated, advised):
    both = replace(gated, advice=advised.advice, difference=None)
    assert [(item.code, item.level) for item in findings([both])] == [
        ("BUDGET-PARAMS", "error"),
        ("BUDGET-PARAMS", "warning"),
        ("SEP101", "note"),
        ("BNF301", "note"),
        ("HED201", "note"),
    ]


def test_a_budget_is_reported_at_the_layer_that_grew(gated):
    found = findings([gated])[0]
    assert (found.file, found.line) == ("net.py", 10)
    assert found.message == (
        "net: Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change +5,120). "
        "Cheapest fix: SEP101 depthwise-separable at stem.conv (net.py:8), needs retraining; "
        "saves 357 parameters. Ask the owners. "
        "Grew most: head (input features 512 to 1024)."
    )


def test_a_budget_without_a_base_is_reported_where_the_model_is_written(gated):
    found = findings([replace(gated, difference=None)])[0]
    assert (found.file, found.line) == ("net.py", 5)


def test_what_is_kept_or_off_is_not_reported(gated, exceeded):
    quiet = (replace(exceeded, status="pass"), replace(exceeded, status="off"))
    assert findings([replace(gated, budget=quiet)]) == []


def test_what_cannot_be_checked_is_an_error(gated, exceeded):
    unknown = replace(exceeded, value=None, status="unknown")
    assert [item.level for item in findings([replace(gated, budget=(unknown,))])] == ["error"]


def test_advice_without_a_line_is_reported_where_the_model_is_written(advised, separable):
    found = findings([replace(advised, advice=(replace(separable, file=None, line=None),))])
    assert [(item.file, item.line) for item in found] == [("net.py", 5)]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("", "net.py"), ("models", "models/net.py"), ("a b/c", "a b/c/net.py"), ("./x/../y", "y/net.py")],
)
def test_files_are_named_from_the_root_of_the_repository(folder, expected, advised):
    assert {item.file for item in findings([advised], folder)} == {expected}


def test_a_fingerprint_stays_when_lines_move_and_numbers_change(advised):
    moved = tuple(
        replace(advice, line=advice.line + 40, bytes_ratio=2.0, evidence="new", notes=()) for advice in advised.advice
    )
    before = [item.fingerprint for item in findings([advised])]
    assert [item.fingerprint for item in findings([replace(advised, advice=moved)])] == before


def test_a_budget_fingerprint_stays_when_the_excess_changes(gated):
    worse = tuple(replace(line, value=line.value + 1) for line in gated.budget)
    before = [item.fingerprint for item in findings([gated])]
    assert [item.fingerprint for item in findings([replace(gated, budget=worse)])] == before


def test_a_limit_on_growth_has_a_fingerprint_of_its_own(gated, exceeded):
    grown = replace(exceeded, growth=Growth(1, 50, 0))
    alone = [findings([replace(gated, budget=(line,))])[0].fingerprint for line in (exceeded, grown)]
    both = [item.fingerprint for item in findings([replace(gated, budget=(exceeded, grown))])]
    assert both == alone
    assert len(set(both)) == 2


@pytest.mark.parametrize("changed", [{"rule": "SEP102"}, {"path": "stem.other"}, {"file": "other.py"}])
def test_another_rule_layer_or_file_is_another_fingerprint(changed, advised, separable):
    one = findings([replace(advised, advice=(separable,))])[0]
    other = findings([replace(advised, advice=(replace(separable, **changed),))])[0]
    assert one.fingerprint != other.fingerprint


def test_no_two_findings_have_the_same_fingerprint(advised, gated, separable):
    several = [replace(advised, advice=(separable, separable, separable)), gated]
    prints = [item.fingerprint for item in findings(several)]
    assert len(set(prints)) == len(prints) == 5


def test_the_same_model_under_two_names_is_told_apart(advised):
    other = replace(advised, model=replace(advised.model, name="other"))
    prints = [item.fingerprint for item in findings([advised, other])]
    assert len(set(prints)) == 6
