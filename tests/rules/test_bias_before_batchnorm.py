import pytest

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.rules.bias_before_batchnorm import propose
from analyzer.values.convolution import BatchNorm

LEFT_ALONE = {
    "no bias": {"norm": "norm"},
    "no normalization": {"bias": True},
    "not plain": {"bias": True, "norm": "norm", "is_plain": False},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    conv = layer(**given)
    assert propose(conv, model(conv)) is None


def test_a_normalization_that_is_not_plain_is_left_alone(layer, model):
    conv = layer(bias=True, norm="norm")
    assert propose(conv, model(conv, fixed=frozenset({"norm"}))) is None


FOUND = {
    "2-d": {},
    "a stem": {"in_channels": 3},
    "tiny": {"share_of_params": 0.0, "share_of_macs": 0.0},
    "1-d": {"kernel": (3,)},
    "depthwise": {"groups": 64},
    "transposed": {"transposed": True},
}


@pytest.mark.parametrize("given", FOUND.values(), ids=FOUND.keys())
def test_a_parameter_a_channel_is_saved(layer, model, given):
    conv = layer(bias=True, norm="norm", **given)
    facts = model(conv)
    found = propose(conv, facts)
    saved = current_price(found, facts).saved(proposed_price(found, facts))
    assert (saved.params, saved.macs) == (64, 0)
    assert [path for path, _ in found.replacements] == ["conv", "norm"]
    assert found.replacements[1][1] == (BatchNorm(64, conv.convolution.dimension),)


def test_vgg16_bn_has_4224(layer, model):
    widths = [64, 64, 128, 128, *(256,) * 3, *(512,) * 6]
    layers = [
        layer(f"conv{n}", in_channels=ins, out_channels=outs, bias=True, norm=f"norm{n}")
        for n, (ins, outs) in enumerate(zip([3, *widths], widths, strict=False))
    ]
    facts = model(*layers)
    found = [propose(each, facts) for each in facts.convolutions.values()]
    saved = [current_price(p, facts).saved(proposed_price(p, facts)).params for p in found]
    assert sum(saved) == 4224
