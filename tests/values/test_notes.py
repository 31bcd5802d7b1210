import pytest

from analyzer.values.notes import Evidence, Note, RuleChoice, note


def test_notes_with_the_same_values_are_the_same() -> None:
    assert note("rank", rank=8) == Note("rank", (("rank", 8),))
    assert len({note("rank", rank=8), note("rank", rank=8), note("rank", rank=16)}) == 2


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        (RuleChoice("pointwise-first"), "pointwise-first"),
        (RuleChoice("{}-groups", (4,)), "4-groups"),
        (RuleChoice("channel-ranks-{}-and-{}", (32, 16)), "channel-ranks-32-and-16"),
    ],
)
def test_the_word_of_a_choice_has_its_numbers(choice: RuleChoice, word: str) -> None:
    assert choice.word == word


def test_evidence_is_what_is_kept_above_chance() -> None:
    assert Evidence(note("rank", rank=3), kept=0.75, null=0.5).excess == 0.25
