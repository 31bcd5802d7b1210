import pytest

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.formats.wording.rule_words import words
from analyzer.rules.removable_module import propose_all
from analyzer.values.convolution import Identity
from analyzer.values.facts import RemovableModule


def test_left_alone(layer, model):
    assert list(propose_all(model(layer()))) == []


@pytest.mark.parametrize(
    ("called", "note"),
    [(False, "this forward never calls it"), (True, "no output depends on what it computes")],
)
def test_an_identity_takes_its_place_and_all_of_it_is_saved(model, called, note):
    facts = model(removable=(RemovableModule("aux", "Head", 120, 340, called),))
    ((path, found),) = propose_all(facts)
    assert (path, found.replacements) == ("aux", (("aux", (Identity(),)),))
    assert tuple(map(words, found.notes)) == (f"{note}: for inference with inputs like this",)
    saved = current_price(found, facts).saved(proposed_price(found, facts))
    assert (saved.params, saved.macs) == (120, 340)
