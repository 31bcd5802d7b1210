"""The sentence about the weights: always the excess over chance, never a percentage alone."""

import pytest

from analyzer.evidence.finding import Evidence, sentence


def test_sentence() -> None:
    evidence = Evidence("splitting into 2 groups", 0.71, 0.47, details=("52 % with the channels in place",))
    assert sentence(evidence) == (
        "splitting into 2 groups keeps 71 % of the weight energy, 24 points above chance (47 %), weights only; "
        "52 % with the channels in place; the converted weights are a start for retraining, not a replacement"
    )
    assert evidence.excess == pytest.approx(0.24)


@pytest.mark.parametrize(
    ("kept", "null", "words"),
    [
        (0.204, 0.19, "keeps 20 % of the weight energy, 1 point above chance (19 %)"),
        (0.19, 0.19, "keeps 19 % of the weight energy, no more than chance (19 %)"),
        (0.10, 0.18, "keeps 10 % of the weight energy, 8 points below chance (18 %)"),
        (0.9989, 0.2, "keeps 99 % of the weight energy, 79 points above chance (20 %)"),
        (1.0, 0.2, "keeps 100 % of the weight energy, 80 points above chance (20 %)"),
    ],
)
def test_points_agree_with_the_percentages_shown(kept: float, null: float, words: str) -> None:
    assert words in sentence(Evidence("rank 3", kept, null))


@pytest.mark.parametrize(
    ("kept", "null", "claim"),
    [
        (0.96, 0.2, "the weights can be carried over and fine-tuned"),
        (0.5, 0.3, "the converted weights are a start for retraining, not a replacement"),
        (0.21, 0.19, "no more than random weights would keep"),
    ],
)
def test_claim(kept: float, null: float, claim: str) -> None:
    assert sentence(Evidence("rank 3", kept, null)).endswith("; " + claim)


def test_silence() -> None:
    assert sentence(Evidence("", silence="the weights look untrained")) == "structure only: the weights look untrained"
