"""What other counters say stands in every text report, with the reason of each difference."""

from dataclasses import replace

import pytest

from analyzer.formats.markdown import report
from analyzer.formats.terminal import summary
from analyzer.formats.wording.second_opinions import difference, lines, remarks
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
        (SecondOpinion("torchvision", 1_000_000, decimals=3), "none to 3 decimals of GMACs", []),
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


def test_a_line_for_each_counter():
    assert list(lines([SecondOpinion("torch", OURS), FAILED], OURS)) == [
        "torch: 1.00 M MACs, difference none",
        "fvcore 0.1.5: it could not count this model (TypeError: it takes positional arguments only)",
    ]
    assert list(lines([SecondOpinion("torch", OURS)], None)) == ["torch: 1.00 M MACs"]


def test_both_text_reports_show_them(analysis):
    asked = replace(analysis, reconciliation=(FVCORE, FAILED))
    for text in (summary.render([asked]), report.render(asked)):
        assert "normalization: 24 there, 0 here" in text
        assert "it takes positional arguments only" in text
    assert "fvcore" not in summary.render([analysis]) + report.render(analysis)
