"""A convolution's arithmetic is torch's."""

from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from analyzer.values.convolution import (
    BatchNorm,
    ChannelShuffle,
    Convolution,
    Identity,
    ReLU,
    along,
    placed,
)
from analyzer.values.layer_calls import code

LAYERS = {1: (nn.Conv1d, nn.ConvTranspose1d), 2: (nn.Conv2d, nn.ConvTranspose2d), 3: (nn.Conv3d, nn.ConvTranspose3d)}
axis = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3), st.integers(5, 12))


@st.composite
def convolutions(draw: Any) -> Convolution:
    dimension = draw(st.integers(1, 3))
    kernel, stride, padding, dilation, size = zip(*(draw(axis) for _ in range(dimension)), strict=True)
    groups = draw(st.sampled_from((1, 2, 4)))
    channels = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    transposed = draw(st.booleans())
    return Convolution(
        *channels, kernel, stride, padding, dilation, groups, draw(st.booleans()), size, 2, transposed=transposed
    )


@given(convolutions())
@settings(max_examples=60, deadline=None)
def test_shapes_and_parameters_are_those_of_the_layer(conv: Convolution) -> None:
    assume(all(size > 0 for size in conv.output_size))
    layer = LAYERS[conv.dimension][conv.transposed](
        conv.in_channels,
        conv.out_channels,
        conv.kernel,
        conv.stride,
        conv.padding,
        dilation=conv.dilation,
        groups=conv.groups,
        bias=conv.bias,
        device="meta",
    )
    out = layer(torch.empty(conv.batch, conv.in_channels, *conv.input_size, device="meta"))
    assert tuple(out.shape) == (conv.batch, conv.out_channels, *conv.output_size)
    assert tuple(layer.weight.shape) == conv.weight_shape
    assert sum(p.numel() for p in layer.parameters()) == conv.params


@pytest.mark.parametrize(("kernel", "dilation", "span"), [(3, 1, 3), (3, 2, 5), (5, 4, 17), (1, 9, 1)])
def test_a_rate_d_kernel_spans(kernel: int, dilation: int, span: int) -> None:
    """k + (k - 1)(D - 1)."""
    assert Convolution(1, 1, (kernel,), (1,), (0,), (dilation,)).span == (span,)
    assert span == kernel + (kernel - 1) * (dilation - 1)


def test_kinds() -> None:
    dense = Convolution(8, 8, (3, 3), (1, 1), (1, 1), (1, 1))
    depthwise = Convolution(8, 8, (3, 3), (1, 1), (1, 1), (1, 1), groups=8)
    pointwise = Convolution(1, 8, (1, 1), (1, 1), (0, 0), (1, 1))
    assert (dense.is_dense, dense.is_depthwise, dense.is_pointwise) == (True, False, False)
    assert (depthwise.is_dense, depthwise.is_depthwise, depthwise.is_pointwise) == (False, True, False)
    assert (pointwise.is_dense, pointwise.is_depthwise, pointwise.is_pointwise) == (True, False, True)


def test_units_read_what_the_one_before_gives() -> None:
    strided = Convolution(4, 8, (3,), (2,), (1,), (1,), input_size=(9,), batch=3)
    last = Convolution(8, 2, (3,), (1,), (0,), (1,))
    units = placed((strided, BatchNorm(8, 1), ChannelShuffle(2), last), strided)
    assert [unit.input_size for unit in units if isinstance(unit, Convolution)] == [(9,), (5,)]
    assert units[-1] == last.on(3, (5,))


def test_the_part_along_some_axes() -> None:
    whole = Convolution(4, 8, (3, 5), (2, 3), (1, 2), (1, 2), bias=True, input_size=(9, 9))
    assert along(whole, {1}) == Convolution(4, 8, (1, 5), (1, 3), (0, 2), (1, 2), bias=True, input_size=(9, 9))
    assert along(whole, ()).is_pointwise
    assert along(whole, {0, 1}) == whole


CODE = {
    "nn.Conv2d(64, 128, 3, padding=1, groups=4)": Convolution(64, 128, (3, 3), (1, 1), (1, 1), (1, 1), 4, True),
    "nn.Conv1d(8, 8, 3, stride=2, dilation=2, bias=False)": Convolution(8, 8, (3,), (2,), (0,), (2,)),
    "nn.Conv2d(8, 8, (1, 3), padding=(0, 1), bias=False)": Convolution(8, 8, (1, 3), (1, 1), (0, 1), (1, 1)),
    "nn.ConvTranspose1d(8, 4, 3, stride=2, output_padding=1, bias=False)": Convolution(
        8, 4, (3,), (2,), (0,), (1,), transposed=True, output_padding=(1,)
    ),
    "nn.BatchNorm3d(8)": BatchNorm(8, 3),
    "nn.ChannelShuffle(4)": ChannelShuffle(4),
    "nn.ReLU()": ReLU(),
    "nn.Identity()": Identity(),
}


@pytest.mark.parametrize(("text", "unit"), CODE.items(), ids=CODE)
def test_code_leaves_out_what_torch_assumes(text: str, unit: Any) -> None:
    assert code((unit,)) == text
    assert code((unit, ReLU())) == f"nn.Sequential({text}, nn.ReLU())"


@given(convolutions())
@settings(max_examples=40, deadline=None)
def test_code_makes_the_layer(conv: Convolution) -> None:
    with torch.device("meta"):
        layer = eval(code((conv,)), {"nn": nn})
    given = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups, layer.bias is not None)
    assert given == (conv.kernel, conv.stride, conv.padding, conv.dilation, conv.groups, conv.bias)
    assert tuple(layer.weight.shape) == conv.weight_shape
