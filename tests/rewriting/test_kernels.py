"""Kernels as dense tensors: what a layer computes does not depend on how it stores its weight."""

import pytest
import torch
from torch import nn

from analyzer.rewriting.kernels import dense_kernel, resampled, store, taps_of

LAYERS = [
    nn.Conv2d(4, 6, 3),
    nn.Conv2d(4, 6, 3, groups=2),
    nn.ConvTranspose2d(4, 6, 3),
    nn.ConvTranspose2d(4, 6, 3, groups=2),
    nn.Conv1d(4, 4, 3, groups=4),
]


def as_dense(layer, kernel):
    """An equal layer without groups."""
    kind = type(layer)
    made = kind(layer.in_channels, layer.out_channels, layer.kernel_size)
    made.weight.data = kernel.transpose(0, 1) if layer.transposed else kernel
    made.bias.data = layer.bias.data
    return made


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@torch.no_grad()
def test_the_dense_kernel_computes_the_same(layer):
    kernel = dense_kernel(layer)
    assert kernel.shape == (layer.out_channels, layer.in_channels, *layer.kernel_size)
    x = torch.randn(2, 4, *(7,) * len(layer.kernel_size))
    assert torch.allclose(as_dense(layer, kernel)(x), layer(x), atol=1e-5)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@torch.no_grad()
def test_what_is_stored_is_read_again(layer):
    kernel, bias = dense_kernel(layer).clone(), layer.bias.clone()
    layer.weight.zero_()
    store(layer, kernel, bias)
    assert torch.equal(dense_kernel(layer), kernel)
    store(layer, kernel, None)
    assert not layer.bias.any()


@torch.no_grad()
def test_what_lies_between_groups_is_dropped():
    layer = nn.Conv2d(2, 2, 1, groups=2)
    store(layer, torch.ones(2, 2, 1, 1), None)
    assert torch.equal(dense_kernel(layer)[:, :, 0, 0], torch.eye(2))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Conv1d(1, 1, 3, padding=1), [-1, 0, 1]),
        (nn.Conv1d(1, 1, 3, dilation=2), [0, 2, 4]),
        (nn.Conv1d(1, 1, 4, padding="same"), [-1, 0, 1, 2]),
        (nn.Conv1d(1, 1, 3, padding="valid"), [0, 1, 2]),
    ],
)
def test_where_output_0_reads(layer, expected):
    assert taps_of(layer, 0) == expected


def test_a_dilated_kernel_takes_the_taps_it_shares():
    old, new = nn.Conv1d(1, 1, 7, padding=3), nn.Conv1d(1, 1, 3, padding=3, dilation=3)
    kernel = torch.arange(7.0).reshape(1, 1, 7)
    assert resampled(kernel, old, (new,)).flatten().tolist() == [0, 3, 6]


def test_a_tap_that_only_the_new_layer_has_is_zero():
    old, new = nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 3, padding=1)
    assert resampled(torch.ones(1, 1, 1), old, (new,)).flatten().tolist() == [0, 1, 0]


def test_two_layers_along_one_axis_have_no_kernel_that_is_one():
    old = nn.Conv1d(1, 1, 5, padding=2)
    assert resampled(torch.ones(1, 1, 5), old, (nn.Conv1d(1, 1, 3), nn.Conv1d(1, 1, 3))) is None
