import pytest
import torch
from torch import nn

from analyzer import analyze, rewrite
from analyzer.advising.pricing import current_price, proposed_price
from analyzer.rewriting import rewritten
from analyzer.rewriting.constructors import module_of
from analyzer.rules.collapsible_pointwise import propose
from analyzer.values.convolution import Identity
from analyzer.values.facts import Norm
from analyzer.values.layer_calls import code


def pair(layer, model, first, second):
    one = layer("a", **{"kernel": 1, "out_channels": 256, "follower": "b", **first})
    two = layer("b", **{"kernel": 1, "in_channels": 256, "out_channels": 128, **second})
    return one, model(one, two)


LEFT_ALONE = {
    "a bottleneck": ({"out_channels": 8}, {"in_channels": 8, "out_channels": 64}),
    "something between": ({"follower": None}, {}),
    "unknown follower": ({"follower": "c"}, {}),
    "neither pointwise": ({"kernel": 3}, {"kernel": 3}),
    "a depthwise-separable pair": ({"kernel": 3, "groups": 64, "out_channels": 64}, {"in_channels": 64}),
    "more work": (
        {"out_channels": 63, "input_size": 1},
        {"in_channels": 63, "out_channels": 64, "kernel": 3, "padding": 5, "input_size": 1},
    ),
    "groups of two kinds": ({"groups": 8, "out_channels": 64}, {"in_channels": 64, "out_channels": 64, "groups": 4}),
    "padded before a kernel": ({"padding": 1}, {"kernel": 3}),
    "a stride before a kernel": ({"stride": 2}, {"kernel": 3}),
    "a bias before padding": ({"bias": True}, {"kernel": 3, "padding": 1}),
    "transposed after": ({}, {"transposed": True}),
    "transposed before a stride": ({"transposed": True, "kernel": 2}, {"stride": 2}),
    "transposed before a kernel": ({"transposed": True}, {"kernel": 3}),
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
    "a kernel before": ({"kernel": 3, "padding": 1}, {}, "nn.Conv2d(64, 128, 3, padding=1, bias=False)"),
    "a kernel before, with strides": (
        {"kernel": 3, "stride": 2},
        {"stride": 2},
        "nn.Conv2d(64, 128, 3, stride=4, bias=False)",
    ),
    "padding of the second": ({}, {"padding": 1}, "nn.Conv2d(64, 128, 1, padding=1, bias=False)"),
    "padding of the first": ({"padding": 1}, {}, "nn.Conv2d(64, 128, 1, padding=1, bias=False)"),
    "a kernel after": ({"bias": True}, {"kernel": 3, "dilation": 2}, "nn.Conv2d(64, 128, 3, dilation=2)"),
    "padding of zeros": ({}, {"kernel": 3, "padding": 1, "bias": True}, "nn.Conv2d(64, 128, 3, padding=1)"),
    "grouped": ({"groups": 2}, {}, "nn.Conv2d(64, 128, 1, bias=False)"),
    "grouped alike": ({"groups": 2}, {"groups": 2}, "nn.Conv2d(64, 128, 1, groups=2, bias=False)"),
    "depthwise after": ({}, {"out_channels": 256, "groups": 256}, "nn.Conv2d(64, 256, 1, bias=False)"),
    "transposed before": (
        {"transposed": True, "kernel": 2, "stride": 2},
        {},
        "nn.ConvTranspose2d(64, 128, 2, stride=2, bias=False)",
    ),
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


@pytest.mark.parametrize(("first", "second", "product"), FOUND.values(), ids=FOUND.keys())
def test_the_product_computes_the_same(layer, model, first, second, product):
    one, facts = pair(layer, model, first, second)
    torch.manual_seed(0)
    units = one.convolution, facts.convolutions["b"].convolution
    modules = nn.ModuleDict(dict(zip("ab", (module_of([unit]).double() for unit in units), strict=True)))
    new = rewritten(modules, [propose(one, facts)]).module
    value = torch.randn(2, 64, *(9,) * one.convolution.dimension, dtype=torch.double)
    expected, found = modules["b"](modules["a"](value)), new["b"](new["a"](value))
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    assert repr(new["a"]) == repr(eval(product).double())


def chain(layer, model, second, norm=None):
    one = layer("a", kernel=3, padding=1, norm="n", norm_follower="b")
    two = layer("b", **{"kernel": 1, "out_channels": 32, **second})
    norms = (norm or Norm("n", 64, 128, "a"),)
    return one, model(one, two, norms=norms)


NOT_MERGED = {
    "a kernel after": ({"kernel": 3}, None),
    "more parameters": ({"out_channels": 640}, None),
    "a normalization that cannot be folded": ({}, Norm("n", 64, 128)),
    "a normalization that activates": ({}, Norm("n", 64, 128, "a", ("n.act",))),
    "fed by another": ({}, Norm("n", 64, 128, "c")),
    "not plain": ({"is_plain": False}, None),
}


@pytest.mark.parametrize(("second", "norm"), NOT_MERGED.values(), ids=NOT_MERGED)
def test_a_normalization_between_is_left_alone(layer, model, second, norm):
    one, facts = chain(layer, model, second, norm)
    assert propose(one, facts) is None


def test_a_normalization_between_goes_in_the_same_step(layer, model):
    one, facts = chain(layer, model, {})
    replaced = {path: code(units) for path, units in propose(one, facts).replacements}
    assert replaced == {"a": "nn.Conv2d(64, 32, 3, padding=1)", "n": "nn.Identity()", "b": "nn.Identity()"}


def test_three_linear_layers_become_one_to_rounding():
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(64)
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    net = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), norm, nn.Conv2d(64, 16, 1), nn.ReLU()).eval()
    x = torch.randn(2, 3, 9, 9)
    analysis = analyze(net, x)
    (item,) = (item for item in analysis.advice if item.rule == "PTW301")
    assert item.inference_only
    changed = rewrite(net, [item], x)
    assert torch.allclose(changed(x), net(x), atol=1e-5)
    assert analyze(changed, x).total.params == analysis.total.params - item.saved.params == 3 * 16 * 9 + 16
