from fractions import Fraction
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.advising.pricing import current_price, price, proposed_price
from analyzer.rules.depthwise_separable import depthwise_first, pointwise_first, propose
from analyzer.values.convolution import BatchNorm, ReLU
from analyzer.values.layer_calls import code

LEFT_ALONE = {
    "pointwise": {"kernel": 1},
    "a stem": {"in_channels": 3, "kernel": 7},
    "depthwise": {"groups": 64},
    "grouped": {"groups": 2},
    "transposed": {"transposed": True},
    "few output channels": {"out_channels": 8},
    "tiny": {"share_of_params": 0.001, "share_of_macs": 0.0099},
    "not plain": {"is_plain": False},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    conv = layer(**given)
    assert propose(conv, model(conv)) is None


def test_the_textbook_layer(layer, model):
    """Conv2d(64, 128, 3) on 32×64×300×300 becomes Conv2d(64, 64, 3, groups=64), then Conv2d(64, 128, 1)."""
    conv = layer(in_channels=64, out_channels=128, input_size=300, batch=32, bias=True)
    found = propose(conv, model(conv))
    ((path, units),) = found.replacements
    assert path == "conv"
    assert code(units) == "nn.Sequential(nn.Conv2d(64, 64, 3, groups=64, bias=False), nn.Conv2d(64, 128, 1))"
    after = proposed_price(found, model(conv))
    assert after.params == 64 * 3 * 3 + 64 * 128 + 128
    assert after.macs == 32 * 298 * 298 * (64 * 3 * 3 + 64 * 128)


FOUND = {
    "1-d": ({"kernel": (25,)}, "nn.Conv1d(64, 64, 25, groups=64, bias=False)"),
    "3-d": ({"kernel": (3, 3, 3), "input_size": 8}, "nn.Conv3d(64, 64, 3, groups=64, bias=False)"),
    "unequal": (
        {"kernel": (1, 7), "padding": (0, 3)},
        "nn.Conv2d(64, 64, (1, 7), padding=(0, 3), groups=64, bias=False)",
    ),
    "even": ({"kernel": 2, "stride": 2}, "nn.Conv2d(64, 64, 2, stride=2, groups=64, bias=False)"),
    "dilated": (
        {"dilation": 2, "padding": 2, "stride": 2},
        "nn.Conv2d(64, 64, 3, stride=2, padding=2, dilation=2, groups=64, bias=False)",
    ),
    "the least output channels": ({"out_channels": 16}, "nn.Conv2d(64, 64, 3, groups=64, bias=False)"),
    "memory-bound": ({"bound": "memory"}, "nn.Conv2d(64, 64, 3, groups=64, bias=False)"),
}


@pytest.mark.parametrize(("given", "depthwise"), FOUND.values(), ids=FOUND.keys())
def test_the_depthwise_carries_the_geometry(layer, model, given, depthwise):
    conv = layer(**given)
    units = propose(conv, model(conv)).replacements[0][1]
    assert code(units[:1]) == depthwise
    assert units[1].is_pointwise
    assert set(units[1].stride) == {1}


def test_normalization_and_activation_between_are_counted(layer, model):
    conv = layer(out_channels=128)
    between = propose(conv, model(conv)).alternatives[1]
    units = between.replacements[0][1]
    assert units[1:3] == (BatchNorm(64, 2), ReLU())
    assert proposed_price(between, model(conv)).params == 64 * 9 + 2 * 64 + 64 * 128


def test_pointwise_first_pays_for_the_stride(convolution):
    conv = convolution(stride=2, padding=1)
    macs = price(pointwise_first(conv), conv).macs
    assert macs == 32 * 32 * 64 * 64 + 16 * 16 * 64 * 9
    # s² / k² + 1 / in of the dense layer's work: 0.44 + 0.016.
    assert Fraction(macs, 16 * 16 * 64 * 64 * 9) == Fraction(4, 9) + Fraction(1, 64)


def test_the_bias_comes_last_in_both_orders(convolution):
    conv = convolution(bias=True)
    for units in (depthwise_first(conv), pointwise_first(conv)):
        assert [unit.bias for unit in units] == [False, True]


# Layers of 115.6 MMACs: channels, size; share of the bytes that the separable pair moves.
WORKED = [(32, 112, 1.98), (64, 56, 1.84), (128, 28, 1.20), (256, 14, 0.39), (512, 7, 0.15)]


@pytest.mark.parametrize(("channels", "size", "bytes_ratio"), WORKED)
def test_bytes_moved_of_the_worked_layers(convolution, channels, size, bytes_ratio):
    conv = convolution(in_channels=channels, out_channels=channels, padding=1, input_size=size)
    dense, separable = price((conv,), conv), price(depthwise_first(conv), conv)
    assert dense.macs == 115_605_504
    assert round(separable.bytes / dense.bytes, 2) == bytes_ratio


@given(
    ins=st.integers(5, 200),
    outs=st.integers(16, 200),
    kernel=st.lists(st.integers(2, 5), min_size=1, max_size=3),
    stride=st.integers(1, 3),
    bias=st.booleans(),
)
def test_one_over_out_plus_one_over_kernel_is_left(layer, model, ins, outs, kernel, stride, bias):
    axes = {"kernel": tuple(kernel), "stride": stride, "input_size": 9}
    conv = layer(in_channels=ins, out_channels=outs, bias=bias, **axes)
    facts = model(conv)
    found = propose(conv, facts)
    before, after = current_price(found, facts), proposed_price(found, facts)
    ratio = Fraction(1, outs) + Fraction(1, prod(kernel))
    own_bias = outs if bias else 0
    assert Fraction(after.params - own_bias, before.params - own_bias) == ratio
    assert Fraction(after.macs, before.macs) == ratio


def mobilenet(layer, model):
    """MobileNetV1 before separation, table 1 with full convolutions: widths and strides at 224×224."""
    widths = [32, 64, 128, 128, 256, 256, 512, *(512,) * 5, 1024, 1024]
    strides = [1, 2, 1, 2, 1, 2, *(1,) * 5, 2, 1]
    layers, size = [layer("stem", in_channels=3, out_channels=32, stride=2, padding=1, input_size=224)], 112
    for number, (ins, outs, stride) in enumerate(zip(widths, widths[1:], strides, strict=False)):
        given = {"in_channels": ins, "out_channels": outs, "stride": stride, "padding": 1, "input_size": size}
        layers.append(layer(f"conv{number}", **given))
        size //= stride
    return model(*layers)


def test_mobilenet_table_4(layer, model):
    """Full convolutions 4866 M multiply-adds and 29.3 M parameters; depthwise separable 569 M and 4.2 M."""
    facts, classifier = mobilenet(layer, model), 1024 * 1000
    found = [p for each in facts.convolutions.values() if (p := propose(each, facts))]
    saved = [current_price(p, facts).saved(proposed_price(p, facts)) for p in found]
    macs, params = facts.macs + classifier, facts.params + classifier + 1000
    assert macs == 4_867_293_184  # the paper's 4866 M leaves out the classifier's 1 M
    assert macs - sum(s.macs for s in saved) == 568_740_352
    assert round(params / 1e6, 1) == 29.3
    assert round((params - sum(s.params for s in saved)) / 1e6, 1) == 4.2
