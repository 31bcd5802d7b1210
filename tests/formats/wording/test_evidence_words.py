"""The sentence about the weights: always the excess over chance, never a percentage alone."""

import pytest

from analyzer.formats.wording.evidence_words import evidence_words
from analyzer.values.notes import Evidence, NoEvidence, note

RANK = note("rank", rank=3)


def test_everything_in_one_sentence() -> None:
    change = note("grouping", groups=2, inputs=True, outputs=False)
    evidence = Evidence(change, 0.71, 0.47, details=(note("kept-in-place", kept=0.52),))
    assert evidence_words(evidence) == (
        "splitting into 2 groups with the input channels reordered keeps 71 % of the weight energy, 24 points above "
        "chance (47 %), weights only; 52 % with the channels in their present order; the converted weights are a start "
        "for retraining, not a replacement"
    )


def test_weights_scaled_by_what_a_normalization_lets_through_are_said_to_be() -> None:
    assert ", BN-weighted; " in evidence_words(Evidence(RANK, 0.9, 0.2, is_weighted=True))


@pytest.mark.parametrize(
    ("kept", "null", "said"),
    [
        (0.204, 0.19, "keeps 20 % of the weight energy, 1 point above chance (19 %)"),
        (0.19, 0.19, "keeps 19 % of the weight energy, no more than chance (19 %)"),
        (0.10, 0.18, "keeps 10 % of the weight energy, 8 points below chance (18 %)"),
        (0.9989, 0.2, "keeps 99 % of the weight energy, 79 points above chance (20 %)"),
        (1.0, 0.2, "keeps 100 % of the weight energy, 80 points above chance (20 %)"),
    ],
)
def test_points_agree_with_the_percentages_shown(kept: float, null: float, said: str) -> None:
    assert said in evidence_words(Evidence(RANK, kept, null))


@pytest.mark.parametrize(
    ("kept", "null", "claim"),
    [
        (0.96, 0.2, "the weights can be carried over and fine-tuned"),
        (0.5, 0.3, "the converted weights are a start for retraining, not a replacement"),
        (0.21, 0.19, "no more than random weights would keep"),
    ],
)
def test_what_may_be_claimed(kept: float, null: float, claim: str) -> None:
    assert evidence_words(Evidence(RANK, kept, null)).endswith("; " + claim)


def test_weights_that_say_nothing_are_no_percentage() -> None:
    assert evidence_words(NoEvidence("untrained")) == "structure only: the weights look untrained"


def test_how_an_exact_change_was_shown_to_be_one() -> None:
    shown = note("same-output", error=1e-12)
    assert evidence_words(shown) == "the model's output is the same to 1e-12, run on random input"
