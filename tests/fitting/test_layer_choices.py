"""What may take the place of a layer: every kind where it saves something, none where it cannot be."""

from dataclasses import replace

import pytest

from analyzer.fitting.layer_choices import (
    DEPTHWISE_FIRST,
    DILATED,
    GROUPED,
    INPUTS,
    OUTPUTS,
    POINTWISE_FIRST,
    SPATIAL,
    choices,
    reason_against,
)
from analyzer.values.facts import LinearFacts


def kinds(facts):
    return {choice.kind for choice in choices(facts, ())}


KINDS = {
    "a dense kernel": ({"padding": 1}, {OUTPUTS, INPUTS, SPATIAL, GROUPED, DEPTHWISE_FIRST, POINTWISE_FIRST}),
    "a pointwise layer": ({"kernel": 1}, {OUTPUTS, GROUPED}),
    "a large kernel": (
        {"kernel": 5, "padding": 2},
        {OUTPUTS, INPUTS, SPATIAL, GROUPED, DILATED, DEPTHWISE_FIRST, POINTWISE_FIRST},
    ),
    "a transposed layer": ({"transposed": True}, {OUTPUTS}),
    "a grouped layer": ({"groups": 4}, set()),
}


@pytest.mark.parametrize(("given", "expected"), KINDS.values(), ids=KINDS.keys())
def test_the_kinds_that_a_layer_has(layer, model, given, expected):
    assert kinds(model(layer(**given))) == expected


def test_every_choice_saves_and_has_a_setting_of_its_own(layer, model):
    found = choices(model(layer(padding=1)), ())
    assert all(min(choice.saved.params, choice.saved.macs) >= 0 for choice in found)
    assert len({(choice.kind, choice.setting) for choice in found}) == len(found)


def test_a_rank_saves_what_its_two_layers_do_not_have(layer, model):
    (half,) = (c for c in choices(model(layer(padding=1)), ()) if (c.kind, c.setting) == (OUTPUTS, 28))
    # 64 → 28 at 3×3, then 28 → 64 at 1×1
    assert half.saved.params == 64 * 64 * 9 - (64 * 28 * 9 + 28 * 64)
    assert half.saved.macs == half.saved.params * 32 * 32
    assert half.proposal.replacements == (("conv", half.units),)


def test_a_head_and_a_neighbour_of_groups_are_not_grouped(layer, model):
    assert GROUPED not in kinds(model(layer(padding=1, is_head=True)))
    beside = (layer("a", padding=1, readers=("b",)), layer("b", padding=1, groups=4, sources=("a",)))
    assert GROUPED not in kinds(model(*beside))


def test_linear_layers_are_those_that_are_named(model):
    linear = LinearFacts("fc", 64, 32, 64 * 32 + 32, 10 * 64 * 32, 0.5, 0.5)
    assert choices(model(linears=(linear,)), ()) == ()
    found = choices(model(linears=(linear,)), ["fc"])
    assert {choice.kind for choice in found} == {OUTPUTS}
    rank = found[0].setting
    assert found[0].saved.params == 64 * 32 - rank * (64 + 32)
    assert found[0].saved.macs == 10 * found[0].saved.params


def test_why_a_layer_stays(layer):
    assert reason_against(layer()) == ""
    assert "more than one" in reason_against(replace(layer(), is_plain=False))
    assert "groups" in reason_against(layer(groups=4))
    assert reason_against(replace(layer(), path="")) == "it is the model itself"
