import pytest

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.rules.collapsible_pointwise import propose
from analyzer.values.convolution import Identity
from analyzer.values.layer_calls import code


def pair(layer, model, first, second):
    one = layer("a", **{"kernel": 1, "out_channels": 256, "follower": "b", **first})
    two = layer("b", **{"kernel": 1, "in_channels": 256, "out_channels": 128, **second})
    return one, model(one, two)


LEFT_ALONE = {
    "a bottleneck": ({"out_channels": 8}, {"in_channels": 8, "out_channels": 64}),
    "something between": ({"follower": None}, {}),
    "unknown follower": ({"follower": "c"}, {}),
    "first not pointwise": ({"kernel": 3}, {}),
    "second not pointwise": ({}, {"kernel": 3}),
    "grouped": ({"groups": 2}, {}),
    "depthwise after": ({}, {"out_channels": 256, "groups": 256}),
    "padded": ({"padding": 1}, {}),
    "padded after": ({}, {"padding": 1}),
    "transposed": ({}, {"transposed": True}),
    "first not plain": ({"is_plain": False}, {}),
    "second not plain": ({}, {"is_plain": False}),
}


@pytest.mark.parametrize(("first", "second"), LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, first, second):
    one, facts = pair(layer, model, first, second)
    assert propose(one, facts) is None


def test_layers_called_differently_often_are_left_alone(layer, model, convolution):
    one, facts = pair(layer, model, {"calls": (convolution(kernel=1, out_channels=256),) * 2}, {})
    assert propose(one, facts) is None


FOUND = {
    "64 → 256 → 128": ({}, {}, "nn.Conv2d(64, 128, 1, bias=False)"),
    "a bias of the first": ({"bias": True}, {}, "nn.Conv2d(64, 128, 1)"),
    "a bias of the second": ({}, {"bias": True}, "nn.Conv2d(64, 128, 1)"),
    "strides multiply": ({"stride": 2}, {"stride": (3, 1)}, "nn.Conv2d(64, 128, 1, stride=(6, 2), bias=False)"),
    "1-d": ({"kernel": (1,)}, {"kernel": (1,)}, "nn.Conv1d(64, 128, 1, bias=False)"),
}


@pytest.mark.parametrize(("first", "second", "product"), FOUND.values(), ids=FOUND.keys())
def test_the_product_takes_the_place_of_both(layer, model, first, second, product):
    one, facts = pair(layer, model, first, second)
    (_, units), rest = propose(one, facts).replacements
    assert code(units) == product
    assert rest == ("b", (Identity(),))


def test_it_saves_the_width_between(layer, model):
    one, facts = pair(layer, model, {"bias": True}, {"bias": True})
    found = propose(one, facts)
    saved = current_price(found, facts).saved(proposed_price(found, facts))
    assert saved.params == (64 * 256 + 256 + 256 * 128 + 128) - (64 * 128 + 128)
    assert saved.macs == 32 * 32 * (64 * 256 + 256 * 128 - 64 * 128)
