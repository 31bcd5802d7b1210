from dataclasses import replace
from fractions import Fraction

import pytest

from analyzer.formats.wording import limit_rows, verdict
from analyzer.gating.budget import Standing, relative
from analyzer.values.gate_results import BudgetChange, BudgetLine, BudgetTerms, Difference, Growth, OverrideTerms


def line(value=10_714, limit=10_000, base=None, status="fail", metric="params", **changes):
    return BudgetLine("mobile", metric, value, limit, base, status, **changes)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (line(), "Parameter budget exceeded: 10.71 k of 10.00 k (+714)"),
        (line(base=5594), "Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change +5,120)"),
        (line(base=20_000), "Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change -9,286)"),
        (line(level="warn"), "Parameter budget exceeded: 10.71 k of 10.00 k (+714)"),
        (line(match="stem.*"), "Parameter budget of stem.* exceeded: 10.71 k of 10.00 k (+714)"),
        (line(10_001, 10_000), "Parameter budget exceeded: 10,001 of 10,000 (+1)"),
        (line(5 * 2**20 + 1, 5 * 2**20, metric="size"), "Size budget exceeded: 5,242,881 B of 5,242,880 B (+1 B)"),
        (line(3 * 2**20, 2**20, metric="peak-memory"), "Peak memory budget exceeded: 3.0 MiB of 1.0 MiB (+2.0 MiB)"),
        (
            line(base=10_714, status="drift"),
            "Parameter budget was exceeded before this change: 10.71 k of 10.00 k (+714; this change nothing)",
        ),
        (line(10_000, status="pass"), "Parameter budget kept: 10.00 k of 10.00 k (0 to spare)"),
        (line(37_888, 40_000, status="pass", metric="macs"), "MAC budget kept: 37.89 k of 40.00 k (2.11 k to spare)"),
        (line(status="off"), "Parameter budget switched off"),
        (
            line(limit=None, status="off", growth=Growth(1, 50, 0)),
            "Parameter growth budget not checked: there is no base to compare with",
        ),
        (line(None, status="unknown", metric="macs"), "MAC budget cannot be checked: there is no count"),
        (line(limit=None, status="unknown"), "Parameter budget cannot be checked: there is no base to compare with"),
        (line(status="unknown"), "Parameter budget cannot be checked: the count is incomplete"),
        (line(7, 5, metric="trainable-params"), "Trainable parameter budget exceeded: 7 of 5 (+2)"),
        (
            line(2, 1, metric="degree", dimension="sequence", layers=("attn", "more")),
            "MAC growth budget with sequence exceeded: quadratic in layer attn and 1 more, at most linear",
        ),
        (
            line(4, 3, 4, "drift", "degree", dimension="H", layers=("stem",)),
            "MAC growth budget with H was exceeded before this change: power 4 in layer stem, at most cubic",
        ),
        (
            line(1, 1, status="pass", metric="degree", dimension="H", match="head"),
            "MAC growth budget of head with H kept: linear, at most linear",
        ),
        (
            line(1, None, status="off", metric="degree", dimension="H"),
            "MAC growth budget with H not checked: there is no base to compare with",
        ),
        (line(None, 1, status="off", metric="degree", dimension="H"), "MAC growth budget with H switched off"),
    ],
)
def test_each_limit_is_a_sentence(given, expected):
    assert verdict.line_sentence(given) == expected


def test_the_headline_is_the_worst_limit(gated):
    assert verdict.headline(gated) == "Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change +5,120)"
    assert verdict.icon(gated) == "❌"


def test_the_headline_counts_the_others_that_end_alike(gated):
    worse = line(20_000, status="fail", match="head")
    told = verdict.headline(replace(gated, budget=(*gated.budget, worse, line())))
    assert told == "Parameter budget of head exceeded: 20.00 k of 10.00 k (+10,000), and 2 other budgets as well"


def test_of_those_kept_the_closest_is_named(gated):
    kept = (line(1, 10, status="pass"), line(9, 10, status="pass"), line(status="off"))
    assert verdict.headline(replace(gated, budget=kept)) == (
        "Parameter budget kept: 9 of 10 (1 to spare), and 1 other budget kept"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (line(level="warn"), "drift"),
        (line(), "fail"),
        (line(status="drift"), "drift"),
        (line(status="pass", level="warn"), "pass"),
        (line(status="unknown"), "unknown"),
    ],
)
def test_a_limit_that_only_warns_never_looks_failed(given, expected):
    assert verdict.outcome(given) == expected


def test_without_limits_the_headline_is_what_changed(gated, unchanged, analysis):
    assert verdict.headline(replace(gated, budget=())) == "+5,120 parameters, +5,120 MACs"
    assert verdict.headline(replace(unchanged, budget=())) == "Parameters and MACs unchanged"
    assert verdict.headline(analysis) == ""
    assert verdict.icon(analysis) == ""


def test_a_model_without_a_base_is_new(analysis):
    new = replace(analysis, difference=Difference("main", None))
    assert verdict.headline(new) == "New model: 10.71 k parameters, 37.89 k MACs"


def test_the_message_of_a_kept_limit_is_not_told(gated):
    kept, exceeded, _ = gated.budget
    assert verdict.said(kept) == ()
    assert verdict.said(exceeded) == (
        "Cheapest fix: SEP101 depthwise-separable at stem.conv (net.py:8), needs retraining; saves 357 parameters",
        "ask the owners",
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (line(), ()),
        (line(slack=530_000), ("the limit could be lowered to 530k",)),
        (line(slack=2**20, metric="size"), ("the limit could be lowered to 1MiB",)),
        (line(growth=Growth(1, 50, 20_000)), ("may grow by 2 % or 20k, whichever is more",)),
        (
            line(override=OverrideTerms({"params": 2000}, "the new head", "2030-06-01"), usual=1000),
            ("overridden until 2030-06-01, usually 1k: the new head",),
        ),
        (
            line(override=OverrideTerms({"params": 2000}, "the new head"), usual=1000),
            ("overridden, usually 1k: the new head",),
        ),
        (
            line(override=OverrideTerms({"params": 2000}, "the new head", "2030-05-31")),
            ("the override ended on 2030-05-31: the new head",),
        ),
    ],
)
def test_notes(given, expected):
    assert verdict.notes(given) == expected


def test_the_headline_says_that_growth_is_not_judged(gated):
    kept, unjudged = line(9, 10, status="pass"), line(limit=None, status="off", growth=Growth(1, 50, 0))
    no_base = "not checked: there is no base to compare with"
    for lines, told in (
        ((kept, unjudged), f"Parameter budget kept: 9 of 10 (1 to spare); 1 growth budget {no_base}"),
        ((kept, kept, unjudged, unjudged), f"(1 to spare), and 1 other budget kept; 2 growth budgets {no_base}"),
        ((unjudged,), f"Parameter growth budget {no_base}"),
        ((kept, line(status="off")), "Parameter budget kept: 9 of 10 (1 to spare)"),
    ):
        assert verdict.headline(replace(gated, budget=lines)).endswith(told)


def test_unchanged_is_when_nothing_differs_and_nothing_fails(gated, unchanged, analysis):
    assert verdict.is_unchanged(unchanged)
    assert verdict.is_unchanged(replace(unchanged, budget=(line(status="drift"),)))
    assert not verdict.is_unchanged(replace(unchanged, budget=(line(),)))
    assert not verdict.is_unchanged(replace(unchanged, total=replace(unchanged.total, macs=1)))
    assert not verdict.is_unchanged(gated)
    assert not verdict.is_unchanged(analysis)
    for change in ({"budgets": (BudgetChange(None, BudgetTerms("b", {}, {})),)}, {"models_gone": ("small",)}):
        edited = replace(unchanged.difference, **change)
        assert not verdict.is_unchanged(replace(unchanged, difference=edited))


def test_the_culprit_is_the_layer_under_the_limit_that_grew_most(gated):
    grown = gated.difference.layers[0]
    assert verdict.culprit(gated, line()) == grown
    assert verdict.culprit(gated, line(metric="macs")) == grown
    assert verdict.culprit(gated, line(match="stem.*")) is None
    assert verdict.culprit(replace(gated, difference=None), line()) is None


def test_growth_of_what_came_and_what_went(gated):
    grown = gated.difference.layers[0]
    assert verdict.grown_by(grown, "params") == 5120
    assert verdict.grown_by(replace(grown, before=None), "params") == 10_250
    assert verdict.grown_by(replace(grown, after=None), "macs") == -5120


def test_a_limit_on_growth_is_called_so(gated):
    grown = relative("params", Standing(10_714, 10_000, True), Fraction(5, 100), 0)
    assert verdict.is_on_growth(grown)
    assert verdict.line_sentence(grown) == (
        "Parameter growth budget exceeded: 10.71 k of 10.50 k (+214; this change +714)"
    )
    rows = limit_rows.limit_rows(replace(gated, budget=(grown, replace(grown, metric="macs"))))
    assert [row.title for row in rows] == ["Growth of parameters", "Growth of MACs"]
    assert not verdict.is_on_growth(line())


def test_a_limit_that_someone_wrote_is_told_before_one_on_growth(gated):
    grown = line(limit=1, growth=Growth(1, 50, 0))
    assert verdict.ranked([grown, line()]) == [line(), grown]
    assert verdict.ranked([line(status="pass"), grown]) == [grown, line(status="pass")]
