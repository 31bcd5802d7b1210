from dataclasses import replace

import pytest

from analyzer.advising import advise, best_per_layer
from analyzer.advising.choosing import not_beside
from analyzer.advising.ranking import Advised
from analyzer.rules import selected
from analyzer.values.advice import Advice, Saving
from analyzer.values.convolution import ChannelShuffle, Identity, Proposal
from analyzer.values.facts import Isolation, Norm, Restoration


def advised(path, convolution, params=1, macs=1, groups=1, shuffle=False, *others):
    units = (convolution(groups=groups), ChannelShuffle(groups)) if shuffle else (convolution(groups=groups),)
    replacements = ((path, units), *((other, (Identity(),)) for other in others))
    advice = Advice("R", "r", path, "note", "retrain", "", "", Saving(params, macs), 1.0, None)
    return Advised(advice, Proposal(replacements))


def relying(item, facts):
    return replace(item, advice=replace(item.advice, not_beside=not_beside(item.advice.rule, item.proposal, facts)))


def chain(layer, model):
    return model(layer("a", readers=("b",)), layer("b", sources=("a",)), layer("c"))


NOT_TAKEN = {
    "costs MACs": {"macs": -1},
    "costs parameters": {"params": -1},
    "saves nothing": {"params": 0, "macs": 0},
}


@pytest.mark.parametrize("given", NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_what_saves_nothing_is_not_taken(layer, model, convolution, given):
    assert best_per_layer([advised("a", convolution, **given)], chain(layer, model)) == ()


def test_a_fact_is_not_taken(layer, model, convolution):
    fact = advised("a", convolution)
    fact = Advised(replace(fact.advice, saved=None, proposed=None))
    assert best_per_layer([fact], chain(layer, model)) == ()


def test_at_most_one_for_each_layer_the_first_wins(layer, model, convolution):
    first, second = advised("a", convolution, 5), advised("a", convolution, 3)
    assert best_per_layer([first, second], chain(layer, model)) == (first,)


def test_a_proposal_on_two_layers_takes_both(layer, model, convolution):
    pair, single = advised("a", convolution, 5, 5, 1, False, "b"), advised("b", convolution)
    assert best_per_layer([pair, single], chain(layer, model)) == (pair,)
    other = advised("c", convolution)
    assert best_per_layer([pair, single, other], chain(layer, model)) == (pair, other)


GROUPED = {
    "neighbours, no shuffle": ("a", "b", False, 1),
    "neighbours, a shuffle between": ("a", "b", True, 2),
    "not neighbours": ("a", "c", False, 2),
}


@pytest.mark.parametrize(("one", "two", "shuffle", "taken"), GROUPED.values(), ids=GROUPED.keys())
def test_of_two_neighbours_one_is_grouped(layer, model, convolution, one, two, shuffle, taken):
    candidates = [advised(one, convolution, groups=4, shuffle=shuffle), advised(two, convolution, groups=4)]
    candidates = [relying(each, chain(layer, model)) for each in candidates]
    assert len(best_per_layer(candidates, chain(layer, model))) == taken


@pytest.mark.parametrize(("one", "two", "taken"), [("a", "b", 1), ("a", "c", 2)], ids=["neighbours", "apart"])
def test_of_two_neighbours_one_is_dilated(layer, model, convolution, one, two, taken):
    candidates = [advised(path, convolution) for path in (one, two)]
    dilated = [replace(each, advice=replace(each.advice, rule="DIL101")) for each in candidates]
    dilated = [relying(each, chain(layer, model)) for each in dilated]
    assert len(best_per_layer(dilated, chain(layer, model))) == taken


def test_free_changes_first_then_restructurings_then_folds_then_warnings_then_notes(layer, model):
    conv = layer("a", bias=True, norm="norm", out_channels=100)
    facts = model(
        conv,
        layer("b", groups=4),
        norms=(Norm("norm", 100, 200, "a"),),
        isolations=(Isolation("a", "b", 4),),
    )
    codes = [each.advice.rule for each in advise(facts)]
    assert codes[0] == "BNM301"
    assert set(codes[1:4]) == {"SEP101", "GRP101", "LOW101"}
    assert codes[4:] == ["BNM302", "GRP201", "CHN201"]


def test_what_saves_most_comes_first(layer, model):
    facts = model(layer("small", padding=1, input_size=8), layer("large", in_channels=256, out_channels=256, padding=1))
    found = advise(facts, rules=selected(("SEP101",)))
    assert [each.advice.path for each in found] == ["large", "small"]


def test_a_price_comes_last_of_the_restructurings(layer, model):
    down = layer("down", stride=2, padding=1)
    mid = layer("mid", padding=1, input_size=16)
    facts = model(down, mid, restorations=(Restoration("down", "up", 2, ("mid",)),))
    found = advise(facts)
    assert found[-1].advice.rule == "DIL102"
    assert found[-1].advice.saved.macs < 0
    assert found[-1] not in best_per_layer(found, facts)
