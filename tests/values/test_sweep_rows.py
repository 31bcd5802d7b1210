"""Rows of many models: what is kept of an analysis, their order, and the front."""

import pytest

from analyzer.values.counts import Layer, Model, Total, Tracing, Uncounted
from analyzer.values.estimates import Span
from analyzer.values.results import Analysis
from analyzer.values.sweep_rows import COLUMNS, PublishedAccuracy, Sweep, SweepRow, row_of, sorted_rows


def row(name: str, macs: int | None = None, accuracy: float | None = None, measure: str = "acc@1", **more) -> SweepRow:
    published = None if accuracy is None else PublishedAccuracy(accuracy, measure)
    return SweepRow(**{"target": name, "name": name, "macs": macs, "accuracy": published, "complete": True} | more)


def fronts(*rows: SweepRow) -> dict[str, bool | None]:
    return {row.name: row.on_front for row in sorted_rows(rows, "target")}


def test_the_front_is_of_accuracy_against_macs() -> None:
    assert fronts(row("small", 1, 60.0), row("worse", 3, 59.0), row("equal", 2, 60.0), row("large", 4, 80.0)) == {
        "small": True,
        "worse": False,
        "equal": False,
        "large": True,
    }


def test_models_that_are_equal_in_both_are_all_on_the_front() -> None:
    assert fronts(row("a", 1, 60.0), row("b", 1, 60.0)) == {"a": True, "b": True}


@pytest.mark.parametrize(
    "other",
    [
        row("other", 1, 99.0, "box_map"),
        row("other", 1),
        row("other", None, 99.0),
        row("other", 1, 99.0, complete=False),
        row("other", failure="killed"),
    ],
    ids=["another measure", "no accuracy", "no MACs", "MACs incomplete", "failed"],
)
def test_what_cannot_be_compared_takes_nothing_off_the_front(other: SweepRow) -> None:
    assert fronts(row("model", 2, 60.0), other)["model"] is True


def test_without_accuracy_there_is_no_front() -> None:
    assert fronts(row("a", 1), row("b", 2)) == {"a": None, "b": None}


@pytest.mark.parametrize("column", COLUMNS)
def test_rows_without_the_value_come_last_and_equal_ones_by_target(column: str) -> None:
    full = {"params": 1, "activation_elements": 1, "peak_activation_bytes": 1, "receptive_field": (3, 3)}
    known = [row(name, 1, 60.0, seconds=Span(1, 2), **full) for name in ("b", "a")]
    rows = sorted_rows([row("0", failure="killed"), *known], column)
    assert [found.name for found in rows] == (["0", "a", "b"] if column == "target" else ["a", "b", "0"])


@pytest.mark.parametrize(("column", "expected"), [("macs", ["a", "b", "c"]), ("accuracy", ["b", "c", "a"])])
def test_least_costs_and_highest_accuracy_come_first(column: str, expected: list[str]) -> None:
    rows = sorted_rows([row("c", 3, 70.0), row("a", 1, 50.0), row("b", 2, 90.0)], column)
    assert [found.name for found in rows] == expected


def test_a_row_keeps_the_widest_field_that_ends_before_the_input_does() -> None:
    layers = (
        Layer("stem", "Conv2d", receptive_field=(7, 7), reach="exact"),
        Layer("stage", "Conv2d", receptive_field=(91, 91), reach="unaligned"),
        Layer("pool", "AvgPool", receptive_field=(224, 224), reach="global"),
    )
    uncounted = (Uncounted("odd::op", 2, ("stem",), "no formula"), Uncounted("odd::op", 1, ("stage",), "no formula"))
    found = row_of(
        Analysis(
            analyzer_version="1",
            model=Model("net", "zoo:net", "Net"),
            inputs=(),
            tracing=Tracing("meta", 3),
            total=Total(10, 10, 0, 40, 100, 200, 7, 50, 60),
            complete=False,
            layers=layers,
            uncounted=uncounted,
        ),
        "zoo:n*",
    )
    assert (found.target, found.name, found.receptive_field, found.uncounted) == (
        "zoo:n*",
        "net",
        (91, 91),
        ("odd::op",),
    )
    assert (found.params, found.macs, found.other_flops) == (10, 100, 7)
    assert (found.activation_elements, found.peak_activation_bytes, found.complete) == (50, 60, False)


def test_a_sweep_tells_failures_apart() -> None:
    good, bad = row("a", 1), row("b", failure="killed")
    sweep = Sweep(analyzer_version="1", device="d", sorted_by="macs", rows=(good, bad))
    assert (sweep.analysed, sweep.failed) == ((good,), (bad,))
