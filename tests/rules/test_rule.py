"""Branches that are one layer once they are merged: what changes one of them alone would be lost in the sum."""

import pytest

from analyzer.rules import depthwise_separable, dilated_kernel, factorized_kernel, grouped_convolution
from analyzer.rules.low_rank_matrix import propose_all
from analyzer.rules.strided_pointwise import observe
from analyzer.values.facts import BranchSum

WIDE, POINT = {"kernel": 3, "padding": 1}, {"kernel": 1}
RULES = (grouped_convolution, depthwise_separable, factorized_kernel)


def block(layer, model, wide, narrow=POINT, **given):
    found = BranchSum("block", (("wide",), ("narrow",)))
    return model(layer("wide", **wide), layer("narrow", **narrow), branch_sums=(found,), **given)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.CODE)
def test_a_branch_is_left_alone_and_a_layer_of_its_own_is_not(layer, model, rule):
    merged, apart = block(layer, model, WIDE), model(layer("wide", **WIDE))
    assert rule.propose(merged.convolutions["wide"], merged) is None
    assert rule.propose(apart.convolutions["wide"], apart) is not None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.CODE)
def test_a_branch_that_cannot_be_merged_is_a_layer_like_others(layer, model, rule):
    """Taps of one lie between those of the other."""
    facts = block(layer, model, {"kernel": 3, "padding": 2, "dilation": 2}, WIDE)
    assert rule.propose(facts.convolutions["wide"], facts) is not None


def test_a_wide_branch_is_not_dilated(layer, model):
    facts = block(layer, model, {"kernel": 7, "padding": 3})
    assert dilated_kernel.propose(facts.convolutions["wide"], facts) is None


def test_a_pointwise_branch_is_not_factorized(layer, model):
    apart = model(layer("narrow", **POINT))
    assert [path for path, _ in propose_all(block(layer, model, WIDE))] == []
    assert [path for path, _ in propose_all(apart)] == ["narrow"]


def test_a_strided_pointwise_branch_is_no_fact(layer, model):
    facts = block(layer, model, {**WIDE, "stride": 2}, {"kernel": 1, "stride": 2})
    assert list(observe(facts)) == []
