"""What other counters say stands in every text report, with the reason of each difference."""

from dataclasses import replace

import pytest

from analyzer.formats.markdown import report
from analyzer.formats.terminal import summary
from analyzer.formats.wording.second_opinions import causes, difference, remarks, row, told_apart
from analyzer.values.counts import Uncounted
from analyzer.values.results import FamilyDifference, SecondOpinion

OURS = 1_000_000
FVCORE = SecondOpinion(
    "fvcore 0.1.5",
    1_000_024,
    (FamilyDifference("normalization", 24, 0),),
    (Uncounted("aten::scaled_dot_product_attention", 2, (), ""),),
)
FAILED = SecondOpinion("fvcore 0.1.5", None, reason="TypeError: it takes positional arguments only")


@pytest.mark.parametrize(
    ("opinion", "apart", "said"),
    [
        (SecondOpinion("torch", OURS), "none", []),
        (
            FVCORE,
            "+24",
            ["normalization: 24 there, 0 here", "it has no formula for aten::scaled_dot_product_attention (2 calls)"],
        ),
        (FAILED, "", ["it could not count this model (TypeError: it takes positional arguments only)"]),
        (SecondOpinion("torchvision", 1_000_000, decimals=3), "none to 3 decimals", []),
        (
            SecondOpinion("torchvision", 4_000_000, decimals=3),
            "+3,000,000",
            ["published for its own input size and weights"],
        ),
    ],
)
def test_each_difference_has_its_reason(opinion, apart, said):
    assert difference(opinion, OURS) == apart
    assert remarks(opinion, OURS) == said


def test_a_row_for_each_counter_and_a_line_for_each_that_differs():
    assert row(FVCORE, OURS) == ("fvcore 0.1.5", "1,000,024", "1,000,000", "+24")
    assert row(FAILED, OURS) == ("fvcore 0.1.5", "none", "1,000,000", "")
    assert list(causes([SecondOpinion("torch", OURS), FAILED], OURS)) == [
        "fvcore 0.1.5: it could not count this model (TypeError: it takes positional arguments only)",
    ]
    assert list(causes([FVCORE], OURS, most=1)) == [
        "fvcore 0.1.5: normalization: 24 there, 0 here; 1 more in the report"
    ]


def test_what_was_not_run_is_said():
    thop = SecondOpinion("thop 0.1.1", OURS, predicted=True)
    assert told_apart([FVCORE, thop]) == "predicted by their conventions, not run: thop 0.1.1"
    assert told_apart([FVCORE]) == ""


def test_a_difference_names_its_layers_and_what_is_divided_at_the_end():
    differences = (FamilyDifference("attention", 0, 24, "Block"), FamilyDifference("averaging", -12, 0))
    assert remarks(replace(FVCORE, differences=differences, skipped=()), OURS) == [
        "attention in Block: 0 there, 24 here",
        "divided by the batch, or rounded, at the end: -12 there, 0 here",
    ]


def test_a_failed_prediction_says_so():
    thop = SecondOpinion("thop 0.1.1", None, predicted=True)
    failed = replace(thop, reason="a part of the model is TorchScript")
    assert remarks(failed, OURS) == ["cannot be predicted: a part of the model is TorchScript"]


def test_both_text_reports_show_them(analysis):
    asked = replace(analysis, reconciliation=(FVCORE, FAILED))
    for text in (summary.render([asked]), report.render(asked)):
        assert "normalization: 24 there, 0 here" in text
        assert "it takes positional arguments only" in text
    assert "fvcore" not in summary.render([analysis]) + report.render(analysis)
