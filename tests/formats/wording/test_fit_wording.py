"""What is said of a fitted model: numbers with their units, and how sure the plan is."""

from dataclasses import replace

import pytest

from analyzer.formats.wording.fit_wording import budget_row, harm, headline, sentences
from analyzer.values.fit_results import Fit, FitBudget

FIT = Fit(
    measure="KL divergence",
    budgets=(FitBudget("macs", "50%", 500, 1000, 480, 480),),
    layers=(),
    predicted_harm=0.02,
    measured_harm=0.015,
    agreement=0.975,
    samples=100,
    held_out=40,
    gap=0.0,
    source="inputs.pt",
)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.01234, "0.012"), (3.0, "3")])
def test_harm_has_two_digits(value, text):
    assert harm(value) == text


@pytest.mark.parametrize(
    ("budget", "row"),
    [
        (FIT.budgets[0], ("macs", "50%", "500", "1,000", "480", "480")),
        (
            FitBudget("size", "20MB", 20_000_000, 30_000_000, 19, 19),
            ("size", "20MB", "20,000,000 bytes", "30,000,000 bytes", "19 bytes", "19 bytes"),
        ),
        (replace(FIT.budgets[0], traced=None), ("macs", "50%", "500", "1,000", "480", "unknown")),
    ],
)
def test_a_budget_in_integers_with_their_unit(budget, row):
    assert budget_row(budget) == row


def test_one_line_says_what_was_asked_and_what_it_cost():
    assert headline(FIT) == (
        "fitted to macs 50%: 0 layers changed, KL divergence 0.015, same class for 97.5% of 40 inputs"
    )
    assert headline(replace(FIT, is_guess=True, agreement=None)).endswith("KL divergence 0.015 (a guess)")


@pytest.mark.parametrize(("gap", "said"), [(0.0, "proved to be the least"), (0.02, "within 2.0% of the least")])
def test_how_sure_the_plan_is(gap, said):
    assert any(said in sentence for sentence in sentences(replace(FIT, gap=gap)))


def test_predicted_beside_measured_and_what_was_assumed():
    said = list(sentences(replace(FIT, recalibrated=True, exports=("ONNX",), assumptions=("inputs were cut",))))
    assert "0.005 above what was measured" in said[1]
    assert said[-3:] == [
        "The fitted model was exported by ONNX.",
        "The statistics of batch normalizations were set anew, as that brought the output nearer.",
        "Inputs were cut.",
    ]
