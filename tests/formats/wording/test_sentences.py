from dataclasses import replace

import pytest

from analyzer.formats.wording.sentences import facts, inputs, status, tracing
from analyzer.values.counts import Input, Tracing, Uncounted


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (Tracing("meta", 174), "Traced on meta tensors, no weights needed (174 operators ran)."),
        (
            Tracing("fake", 1, "devices mix."),
            "Traced on fake tensors, no weights needed (1 operator ran): devices mix.",
        ),
        (
            Tracing("real", 9, "nonzero needs values"),
            "Counted for this input: 9 operators ran for real: nonzero needs values.",
        ),
        (Tracing(None, 0, "no code"), "Nothing was run: no code."),
        (Tracing(None, 0), "Nothing was run."),
    ],
)
def test_every_backend_has_its_sentence(given, sentence, analysis):
    assert tracing(replace(analysis, tracing=given)) == sentence


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("", "none"),
        ("x", "1×8 int64"),
        ("xy", "x 1×8 int64, y 1×8 int64"),
        ("abcdef", "a 1×8 int64, b 1×8 int64, c 1×8 int64, d 1×8 int64, 2 more"),
    ],
)
def test_one_input_needs_no_name_and_several_do(names, text, analysis):
    given = tuple(Input(name, (1, 8), "int64") for name in names)
    assert inputs(replace(analysis, inputs=given)) == text


def test_unknown_work_is_not_zero_work(checkpoint, analysis_of):
    assert "MACs unknown" in [fact.headline for fact in facts(checkpoint)]
    assert "0 MACs" in [fact.headline for fact in facts(analysis_of(()))]


def test_a_count_with_something_missing_is_a_lower_bound(incomplete):
    assert "at least 37.89 k MACs" in [fact.headline for fact in facts(incomplete)]


def test_status_counts_the_missing_operators(analysis, checkpoint):
    missing = tuple(Uncounted(name, 1, (), "") for name in "ab")
    assert status(analysis) == "complete"
    assert status(replace(analysis, complete=False, uncounted=missing)) == "incomplete: 2 operators not counted"
    assert status(checkpoint) == "parameters only: nothing was run"
