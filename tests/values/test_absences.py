"""What fails beside the count is named and left out."""

import pytest

from analyzer.values.absences import Absences
from analyzer.values.counts import Absence
from analyzer.values.errors import Problem
from analyzer.values.graph import Op

RELU = Op("aten.relu.default", {}, (), layer="stem.act")


def fails(op: Op) -> int:
    return {}[op.name]


def test_what_succeeds_leaves_nothing_behind():
    absences = Absences()
    assert absences.attempt("fields", lambda: 3, 0) == 3
    assert absences.found == []


@pytest.mark.usefixtures("users_lose_extras")
def test_what_fails_is_named_with_the_operator_and_its_layer():
    absences = Absences()
    assert absences.attempt("fields", lambda: fails(RELU), 0) == 0
    (absence,) = absences.found
    assert (absence.what, absence.where) == ("fields", "stem.act")
    assert absence.reason == (
        "unexpected KeyError: 'aten.relu.default' in test_absences.py, fails, following aten.relu"
    )


def test_in_the_suite_it_fails():
    with pytest.raises(KeyError):
        Absences().attempt("fields", lambda: fails(RELU), 0)


@pytest.mark.usefixtures("users_lose_extras")
def test_a_problem_is_the_users_to_read():
    def refused() -> int:
        raise Problem("no such rule")

    with pytest.raises(Problem, match="no such rule"):
        Absences().attempt("advice", refused, 0)


def test_what_is_left_out_on_purpose_is_noted_once():
    absences = Absences()
    for _ in range(2):
        absences.note("DIL102", "up", "too much work")
    assert absences.found == [Absence("DIL102", "up", "too much work")]
