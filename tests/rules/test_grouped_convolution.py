from math import gcd, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.formats.wording.rule_words import choice_words, words
from analyzer.rules.grouped_convolution import propose, sensible_groups
from analyzer.values.convolution import ChannelShuffle, Convolution
from analyzer.values.facts import ModelFacts

LEFT_ALONE = {
    "a stem": {"in_channels": 3},
    "a stem with depth and alpha": {"in_channels": 4},
    "grouped already": {"groups": 2},
    "depthwise": {"groups": 64},
    "tiny": {"share_of_params": 0.009, "share_of_macs": 0.009},
    "not plain": {"is_plain": False},
    "no common divisor": {"in_channels": 64, "out_channels": 81},
    "groups too thin": {"in_channels": 16, "out_channels": 64},
    "groups of 24 where 48 is a multiple of 16": {"in_channels": 48, "out_channels": 80},
    "where branches must fuse": {"branches": (32, 32)},
    "where branches of all sizes must fuse": {"kernel": 1, "branches": (48, 8, 8)},
    "whose output is split": {"is_divided": True},
    "pointwise, whose output is split": {"kernel": 1, "is_divided": True},
    "a latent": {
        "in_channels": 96,
        "out_channels": 512,
        "kernel": 4,
        "input_size": 1,
        "transposed": True,
        "is_stem": True,
    },
    "a linear layer in disguise": {"kernel": 1, "input_size": 1},
    "a classifier": {"kernel": 1, "out_channels": 32, "is_head": True, "sources": ("before",)},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    conv = layer(**given)
    assert propose(conv, model(conv)) is None


@pytest.mark.parametrize("groups", [2, 32, 64], ids=["few", "many", "depthwise"])
@pytest.mark.parametrize("side", ["sources", "readers"])
def test_the_pointwise_that_mixes_groups_is_left_alone(layer, model, groups, side):
    conv = layer(kernel=1, **{side: ("beside",)})
    assert propose(conv, model(conv, layer("beside", groups=groups))) is None


def test_a_layer_after_a_grouped_one_is_where_its_groups_meet(layer, model):
    conv = layer(sources=("before",))
    assert propose(conv, model(conv, layer("before", groups=4))) is None
    assert propose(conv, model(conv, layer("before", groups=64))) is not None


GROUPS = {
    "both counts divide, 16 a group": ({"in_channels": 128, "out_channels": 256}, (8, 4, 2)),
    "64 to 128": ({"in_channels": 64, "out_channels": 128}, (4, 2)),
    "a tiny share of the work, not of the parameters": ({"share_of_macs": 0.001, "share_of_params": 0.02}, (4, 2)),
    "multiples of 8 stay so": ({"in_channels": 72, "out_channels": 72}, (3,)),
    "odd groups": ({"in_channels": 96, "out_channels": 144}, (3,)),
    "pointwise between dense ones": ({"kernel": 1}, (4, 2)),
    "at most 32": ({"in_channels": 1024, "out_channels": 1024}, (32, 16, 8, 4)),
    "pointwise at most 8": ({"kernel": 1, "in_channels": 512, "out_channels": 2048}, (8, 4, 2)),
    "transposed": ({"transposed": True, "kernel": 2, "stride": 2}, (4, 2)),
    "1-d": ({"kernel": (9,)}, (4, 2)),
    "3-d": ({"kernel": (3, 1, 3), "input_size": 8}, (4, 2)),
    "a model of this layer alone": ({"is_stem": True, "is_head": True}, (4, 2)),
}


@pytest.mark.parametrize(("given", "groups"), GROUPS.values(), ids=GROUPS.keys())
def test_the_largest_sensible_number_of_groups_with_smaller_ones_beside(layer, model, given, groups):
    conv = layer(**given)
    found = propose(conv, model(conv))
    proposals = (found, *found.alternatives)
    assert tuple(units[0].groups for p in proposals for _, units in p.replacements) == groups
    assert [choice_words(p.choice) for p in proposals] == [f"{g} groups" for g in groups]


def test_two_groups_halve_weights_and_macs(layer, model):
    """The textbook layer: Conv2d(128, 256, 3, groups=2) on 5×128×28×28."""
    conv = layer(in_channels=128, out_channels=256, input_size=28, batch=5, bias=True)
    proposal = propose(conv, model(conv))
    two = proposal.alternatives[-1]
    (unit,) = two.replacements[0][1]
    assert unit.weight_shape == (256, 64, 3, 3)
    price = proposed_price(two, model(conv))
    assert price.params == 256 * 128 * 3 * 3 // 2 + 256
    assert price.macs == 5 * 26 * 26 * 256 * 128 * 3 * 3 // 2


def test_a_shuffle_follows_where_the_next_convolution_is_grouped(layer, model):
    conv = layer(readers=("next",))
    found = propose(conv, model(conv, layer("next", groups=4)))
    assert found.replacements[0][1][1:] == (ChannelShuffle(4),)
    assert [p.replacements[0][1][1:] for p in found.alternatives] == [(ChannelShuffle(2),)]


@pytest.mark.parametrize("groups", [1, 64], ids=["dense", "depthwise"])
def test_no_shuffle_before_what_mixes_or_never_mixes(layer, model, groups):
    conv = layer(readers=("next",))
    assert len(propose(conv, model(conv, layer("next", groups=groups))).replacements[0][1]) == 1


def test_a_shared_output_is_not_shuffled_and_a_note_says_so(layer, model):
    conv = layer(readers=("next",), shares_output=True)
    found = propose(conv, model(conv, layer("next", groups=4)))
    assert len(found.replacements[0][1]) == 1
    assert words(found.notes[0]).endswith("the groups are neighbouring channels as they are")
    assert "may not meet" in words(found.notes[1])


@given(
    ins=st.integers(5, 200),
    outs=st.integers(1, 200),
    kernel=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    stride=st.integers(1, 3),
    transposed=st.booleans(),
    bias=st.booleans(),
)
def test_exactly_one_over_g_is_left(layer, model, ins, outs, kernel, stride, transposed, bias):
    axes = {"kernel": tuple(kernel), "stride": stride, "input_size": 9}
    conv = layer(in_channels=ins, out_channels=outs, transposed=transposed, bias=bias, **axes)
    facts: ModelFacts = model(conv)
    found = propose(conv, facts)
    assert (found is None) == (not sensible_groups(conv.convolution))
    for proposal in (found, *found.alternatives) if found else ():
        ((_, (unit,)),) = proposal.replacements
        saved = current_price(proposal, facts).saved(proposed_price(proposal, facts))
        assert saved.params * unit.groups == (unit.groups - 1) * prod(conv.convolution.weight_shape)
        assert saved.macs * unit.groups == (unit.groups - 1) * conv.macs
        assert unit.output_size == conv.convolution.output_size


@given(ins=st.integers(1, 2000), outs=st.integers(1, 2000))
def test_groups_always_divide_both_channel_counts(ins, outs):
    for groups in sensible_groups(Convolution(ins, outs, (3,), (1,), (0,), (1,))):
        assert gcd(ins, outs) % groups == 0
        assert min(ins, outs) // groups >= 16
