"""The section on a fitted model says the integers, the harm, the layers and the trade-off."""

from analyzer.formats.markdown.fit_section import section
from analyzer.values.fit_results import CurvePoint, Fit, FitBudget, FittedLayer

FIT = Fit(
    measure="KL divergence",
    budgets=(FitBudget("macs", "50%", 500, 1000, 480, 480),),
    layers=(
        FittedLayer("a", "grouped, 2 groups", "nn.Conv2d(8, 8, 3, groups=2)", 10, 200, 0.05, 0.001),
        FittedLayer("b", "spatial low rank, rank 4", "nn.Sequential()", 20, 320, 0.1, 0.02),
    ),
    predicted_harm=0.021,
    measured_harm=0.02,
    agreement=0.9844,
    samples=192,
    held_out=64,
    gap=0.0,
    source="data.pt",
    recalibrated=True,
    curve=(CurvePoint(1.0, 1000, 90, 1000, 0.0, 0), CurvePoint(0.5, 480, 60, 480, 0.021, 2, is_knee=True)),
)


def test_a_model_that_was_not_fitted_has_none() -> None:
    assert section(None) == ""


def test_the_whole_section() -> None:
    text = " ".join(section(FIT).split())
    assert "| macs | 50% | 500 | 1,000 | 480 | 480 |" in text
    assert "the KL divergence of the fitted model's output from the original's is 0.02" in text
    assert "98.4% of them" in text
    assert "is 0.021: 0.001 above what was measured" in text
    assert "proved to be the least there is" in text
    assert text.index("`b`") < text.index("`a`")
    assert "| 50% | 60 | 480 | 2 | 0.021 | knee |" in text


def test_what_is_a_guess_is_called_one() -> None:
    from dataclasses import replace

    from analyzer.formats.wording.fit_wording import headline, sentences

    guess = replace(FIT, is_guess=True, agreement=None, gap=0.03, assumptions=("inputs are random",))
    assert headline(guess) == "fitted to macs 50%: 2 layers changed, KL divergence 0.02 (a guess)"
    said = list(sentences(guess))
    assert "Inputs are random." in said
    assert any("within 3.0% of the least" in sentence for sentence in said)
