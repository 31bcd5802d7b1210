import pytest

from analyzer.rules.parallel_branches import propose_all
from analyzer.values.convolution import Submodule
from analyzer.values.facts import BranchSum
from analyzer.values.layer_calls import code

BRANCHES = (("same",), ("wide", "wide.norm"), ("narrow", "narrow.norm"))
KERNEL, POINT = {"kernel": 3, "padding": 1}, {"kernel": 1}


def proposals(layer, model, wide=KERNEL, narrow=POINT, branches=BRANCHES, **given):
    found = BranchSum("block", branches, ("block.act",))
    return list(propose_all(model(layer("wide", **wide), layer("narrow", **narrow), branch_sums=(found,), **given)))


LEFT_ALONE = {
    "another stride": {"narrow": {"kernel": 1, "stride": 2, "input_size": 64}},
    "other groups": {"wide": {**KERNEL, "groups": 2}},
    "another size of output": {"wide": {"kernel": 3}},
    "not centred": {"narrow": {"kernel": 1}, "wide": {"kernel": 2, "padding": 1, "dilation": 2}},
    "taps between those of the widest": {"wide": {"kernel": 3, "padding": 2, "dilation": 2}, "narrow": KERNEL},
    "a strided identity": {"wide": {**KERNEL, "stride": 2}, "narrow": {"kernel": 1, "stride": 2}},
    "not plain": {"narrow": {"kernel": 1, "is_plain": False}},
    "transposed": {"wide": {**KERNEL, "transposed": True}, "narrow": {"kernel": 1, "transposed": True}},
    "a normalization that cannot be replaced": {"fixed": frozenset({"wide.norm"})},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    assert proposals(layer, model, **given) == []


def test_nothing_is_said_of_a_model_without_branches(layer, model):
    assert list(propose_all(model(layer()))) == []


FOUND = {
    "3x3 and 1x1": ({}, "nn.Conv2d(64, 64, 3, padding=1)"),
    "grouped alike": (
        {"wide": {**KERNEL, "groups": 64}, "narrow": {"kernel": 1, "groups": 64}},
        "nn.Conv2d(64, 64, 3, padding=1, groups=64)",
    ),
    "1x1 alone": ({"wide": POINT}, "nn.Conv2d(64, 64, 1)"),
    "taps that meet": (
        {"wide": {"kernel": 5, "padding": 4, "dilation": 2}, "narrow": {"kernel": 3, "padding": 4, "dilation": 4}},
        "nn.Conv2d(64, 64, 5, padding=4, dilation=2)",
    ),
    "strided without an identity": (
        {"wide": {**KERNEL, "stride": 2}, "narrow": {"kernel": 1, "stride": 2}, "branches": BRANCHES[1:]},
        "nn.Conv2d(64, 64, 3, stride=2, padding=1)",
    ),
}


@pytest.mark.parametrize(("given", "total"), FOUND.values(), ids=FOUND.keys())
def test_one_convolution_takes_the_place_of_all(layer, model, given, total):
    ((path, found),) = proposals(layer, model, **given)
    branches = given.get("branches", BRANCHES)
    assert path == "block"
    assert found.replacements[0][0] == "block"
    assert code(found.replacements[0][1][:1]) == total
    assert found.replacements[0][1][1:] == (Submodule("block.act"),)
    assert found.replacements[1:] == tuple((path, ()) for branch in branches for path in branch)


def test_a_branch_without_a_convolution_comes_first(layer, model):
    ((_, found),) = proposals(layer, model, branches=BRANCHES[::-1])
    assert found.replacements[1] == ("same", ())
