import pytest

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.formats.wording.rule_words import words
from analyzer.rules import depthwise_separable, factorized_kernel, grouped_convolution, low_rank_matrix, slug
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


@pytest.mark.parametrize("rule", [grouped_convolution, depthwise_separable, factorized_kernel], ids=slug)
def test_nothing_else_is_proposed_for_what_no_output_depends_on(layer, model, rule):
    """The last block of a WaveNet computes a residual that no block reads."""
    conv = layer("block.res", padding=1)
    assert rule.propose(conv, model(conv)) is not None
    for path, is_proposed in (("block", False), ("block.res", False), ("block.re", True)):
        facts = model(conv, removable=(RemovableModule(path, "Conv2d", 1, 1, True),))
        assert (rule.propose(conv, facts) is not None) is is_proposed


def test_no_matrix_is_split_that_no_output_depends_on(layer, model):
    conv = layer("block.res", kernel=1, in_channels=256, out_channels=256)
    assert len(list(low_rank_matrix.propose_all(model(conv)))) == 1
    assert list(low_rank_matrix.propose_all(model(conv, removable=(RemovableModule("block", "", 1, 1, True),)))) == []
