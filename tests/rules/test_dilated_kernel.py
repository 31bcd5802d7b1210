from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.formats.wording.rule_words import words
from analyzer.rules.dilated_kernel import by_axis, dilate, propose, stacked
from analyzer.values.layer_calls import code


def between(layer, model, before, after, **given):
    """A layer that reads one convolution and is read by another."""
    known = {"kernel": 7, "padding": 3, **given}
    conv = layer(sources=("before",), readers=("after",), **known)
    return conv, model(layer("before", **before), conv, layer("after", **after), params=1, macs=1)


LEFT_ALONE = {
    "kernel 3": {"kernel": 3, "padding": 1},
    "even kernel": {"kernel": 4, "padding": 2},
    "pointwise": {"kernel": 1, "padding": 0},
    "a stem": {"in_channels": 3},
    "depthwise": {"groups": 64},
    "grouped": {"groups": 4},
    "transposed": {"transposed": True},
    "tiny": {"share_of_params": 0.001, "share_of_macs": 0.001},
    "not plain": {"is_plain": False},
    "5×5 with stride 2 reads a quarter": {"kernel": 5, "padding": 2, "stride": 2},
    "9×9 with stride 2 reads a quarter": {"kernel": 9, "padding": 4, "stride": 2},
    "11×11 with stride 4 reads nine sixteenths": {"kernel": 11, "padding": 5, "stride": 4},
    "13×13 leaves gaps of 6, neighbours of 3 on both sides reach 5": {"kernel": 13, "padding": 6},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    conv, facts = between(layer, model, {}, {}, **given)
    assert propose(conv, facts) is None


GAPS = {
    "nothing fills the gaps of a layer alone": ({"kernel": 1}, {"kernel": 1}),
    "a stride before makes the gaps wider": ({"stride": 2}, {"kernel": 1}),
    "a neighbour of the same rate fills nothing": ({"kernel": 1}, {"kernel": 3, "dilation": 3}),
    "two taps fill one of the two positions between": ({"kernel": 2}, {"kernel": 1}),
}


@pytest.mark.parametrize(("before", "after"), GAPS.values(), ids=GAPS.keys())
def test_gaps_that_neighbours_do_not_fill(layer, model, before, after):
    conv, facts = between(layer, model, before, after)
    assert propose(conv, facts) is None


def test_every_path_must_fill_the_gaps(layer, model):
    conv = layer(kernel=7, padding=3, sources=("wide", "pointwise"))
    facts = model(layer("wide"), layer("pointwise", kernel=1), conv, params=1, macs=1)
    assert propose(conv, facts) is None
    assert propose(replace(conv, sources=("wide",)), facts) is not None


def test_pooling_between_widens_the_gaps(layer, model):
    """Two positions are pooled: the source's 3 taps and the window reach 4, the dilated taps are 6 apart."""
    conv = layer(kernel=7, padding=3, sources=("before",), jump=(2, 2))
    assert propose(conv, model(layer("before", jump=(2, 2)), conv, params=1, macs=1)) is not None
    assert propose(conv, model(layer("before", jump=(1, 1)), conv, params=1, macs=1)) is None


FOUND = {
    "5": ({"kernel": 5, "padding": 2}, "nn.Conv2d(64, 64, 3, padding=2, dilation=2, bias=False)"),
    "7": ({}, "nn.Conv2d(64, 64, 3, padding=3, dilation=3, bias=False)"),
    "9": ({"kernel": 9, "padding": 4}, "nn.Conv2d(64, 64, 3, padding=4, dilation=4, bias=False)"),
    "11": ({"kernel": 11, "padding": 5}, "nn.Conv2d(64, 64, 3, padding=5, dilation=5, bias=False)"),
    "7 with stride 2 reads everything": (
        {"stride": 2},
        "nn.Conv2d(64, 64, 3, stride=2, padding=3, dilation=3, bias=False)",
    ),
    "without padding": ({"padding": 0}, "nn.Conv2d(64, 64, 3, dilation=3, bias=False)"),
    "one long axis": (
        {"kernel": (1, 7), "padding": (0, 3)},
        "nn.Conv2d(64, 64, (1, 3), padding=(0, 3), dilation=(1, 3), bias=False)",
    ),
    "one axis even": (
        {"kernel": (4, 5), "padding": (0, 2)},
        "nn.Conv2d(64, 64, (4, 3), padding=(0, 2), dilation=(1, 2), bias=False)",
    ),
}


@pytest.mark.parametrize(("given", "expected"), FOUND.values(), ids=FOUND.keys())
def test_between_two_convolutions_of_kernel_3(layer, model, given, expected):
    conv, facts = between(layer, model, {}, {}, **given)
    found = propose(conv, facts)
    assert code(found.replacements[0][1]) == expected
    assert found.replacements[0][1][0].output_size == conv.convolution.output_size


def test_a_reader_behind_a_stride_fills_with_longer_steps(layer, model):
    """Offsets 0 1 2, then 0 3 6 and, behind a stride of 2, 0 2 4: all of 0 to 12."""
    conv, facts = between(layer, model, {}, {}, stride=2)
    assert propose(conv, facts) is not None


def test_seven_by_seven_keeps_nine_of_49_taps(layer, model):
    conv, facts = between(layer, model, {}, {})
    found = propose(conv, facts)
    saved = current_price(found, facts).saved(proposed_price(found, facts))
    assert saved.params == 64 * 64 * (49 - 9)
    assert saved.macs == 64 * 64 * (49 - 9) * 32 * 32
    assert "7×7" in words(found.notes[0])


@pytest.mark.parametrize(("kernel", "ratio"), [(5, 0.72), (7, 0.55)])
def test_a_stack_of_threes_beside_it(convolution, kernel, ratio):
    """9 (k - 1) / (2 k²) of the weights, where the channel counts are equal."""
    conv = convolution(kernel=kernel, padding=kernel // 2, stride=2, bias=True)
    units = stacked(conv)
    assert len(units) == kernel // 2
    weights = sum(unit.params for unit in units) - 64
    assert round(weights / (conv.params - 64), 2) == ratio
    assert [unit.stride for unit in units] == [(1, 1)] * (kernel // 2 - 1) + [(2, 2)]
    assert [unit.bias for unit in units] == [False] * (kernel // 2 - 1) + [True]


def test_one_convolution_for_each_axis_beside_it(convolution):
    conv = convolution(kernel=7, padding=3, out_channels=128)
    assert code(by_axis(conv)) == (
        "nn.Sequential(nn.Conv2d(64, 128, (7, 1), padding=(3, 0), bias=False), "
        "nn.Conv2d(128, 128, (1, 7), padding=(0, 3), bias=False))"
    )


NO_ALTERNATIVE = {
    "padding does not divide": (stacked, {"kernel": 5, "padding": 1}),
    "even kernel": (stacked, {"kernel": 6}),
    "padding where there is no kernel": (stacked, {"kernel": (1, 5), "padding": (2, 2)}),
    "one axis": (by_axis, {"kernel": (7,)}),
    "one long axis": (by_axis, {"kernel": (1, 7)}),
}


@pytest.mark.parametrize(("way", "given"), NO_ALTERNATIVE.values(), ids=NO_ALTERNATIVE.keys())
def test_no_alternative_that_is_not_exact(convolution, way, given):
    assert way(convolution(**given)) == ()


axis = st.tuples(st.sampled_from((1, 3, 4, 5, 7, 9)), st.integers(0, 6), st.integers(1, 3), st.integers(1, 2))


@given(st.lists(axis, min_size=1, max_size=3))
def test_outputs_keep_their_shape_whichever_way(convolution, axes):
    kernel, padding, stride, dilation = zip(*axes, strict=True)
    conv = convolution(kernel=kernel, padding=padding, stride=stride, dilation=dilation, input_size=40)
    dilated = dilate(conv)
    assert dilated.output_size == conv.output_size
    assert dilated.span == conv.span
    for units in (stacked(conv), by_axis(conv)):
        size = conv.input_size
        for unit in units:
            size = replace(unit, input_size=size).output_size
        assert size == conv.output_size or not units


@given(st.sampled_from((5, 7, 9, 11)), st.integers(1, 3), st.integers(1, 200), st.integers(1, 200))
def test_three_of_k_taps_are_left_along_each_axis(convolution, kernel, dimension, ins, outs):
    conv = convolution(kernel=(kernel,) * dimension, in_channels=ins, out_channels=outs)
    assert Fraction(dilate(conv).params, conv.params) == Fraction(3, kernel) ** dimension
