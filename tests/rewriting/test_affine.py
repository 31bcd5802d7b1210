"""Layers in a row are one convolution: its output is theirs."""

import pytest
import torch
from torch import nn

from analyzer.rewriting.affine import composed, summed, without_bias
from analyzer.values.errors import Problem


def norm(channels):
    made = nn.BatchNorm2d(channels)
    for tensor, low in ((made.running_mean, -1.0), (made.running_var, 0.5), (made.weight, 0.5), (made.bias, -1.0)):
        nn.init.uniform_(tensor, low, 2.0)
    return made


def as_layer(kernel, bias, like):
    return lambda x: nn.functional.conv2d(x, kernel, bias, like.stride, like.padding, like.dilation)


PAIRS = {
    "a normalization": lambda: [nn.Conv2d(3, 4, 3, padding=1), norm(4)],
    "a pointwise layer after": lambda: [nn.Conv2d(3, 4, 3, padding=1, stride=2), nn.Conv2d(4, 5, 1)],
    "a normalization and a pointwise layer": lambda: [nn.Conv2d(3, 4, 3), norm(4), nn.Conv2d(4, 2, 1, bias=False)],
}


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS.keys())
@torch.no_grad()
def test_one_convolution_does_what_the_layers_do(make):
    torch.manual_seed(0)
    layers = nn.Sequential(*make()).double().eval()
    x = torch.randn(2, 3, 9, 9, dtype=torch.double)
    assert torch.allclose(as_layer(*composed(layers), layers[0])(x), layers(x), atol=1e-12)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([nn.BatchNorm2d(3)], "list it first"),
        ([nn.Conv2d(3, 3, 1), nn.ReLU()], "ReLU cannot be merged"),
        ([nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)], "where one of them is pointwise"),
        ([nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 3, padding=1)], "where one of them is pointwise"),
        ([nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)], "without running statistics"),
    ],
)
def test_what_is_no_one_convolution_is_refused(layers, said):
    with pytest.raises(Problem, match=said):
        composed(layers)


@torch.no_grad()
def test_branches_of_repvgg_add_up_to_one_kernel():
    torch.manual_seed(0)
    branches = [[nn.Conv2d(4, 4, 3, padding=1), norm(4)], [nn.Conv2d(4, 4, 1), norm(4)], [norm(4)]]
    modules = [nn.Sequential(*branch).double().eval() for branch in branches]
    total = nn.Conv2d(4, 4, 3, padding=1).double()
    x = torch.randn(2, 4, 7, 7, dtype=torch.double)
    merged = as_layer(*summed(branches, total), total)
    assert torch.allclose(merged(x), sum(module(x) for module in modules), atol=1e-12)


@torch.no_grad()
def test_a_bias_is_taken_off_the_mean_that_is_subtracted():
    old = [nn.Conv2d(3, 4, 1), norm(4)]
    new = [nn.Conv2d(3, 4, 1, bias=False), norm(4)]
    assert without_bias(old, new)
    x = torch.randn(2, 3, 5, 5)
    assert torch.allclose(nn.Sequential(*new).eval()(x), nn.Sequential(*old).eval()(x), atol=1e-5)


@torch.no_grad()
def test_a_bias_that_no_mean_takes_is_lost():
    assert not without_bias([nn.Conv2d(3, 4, 1)], [nn.Conv2d(3, 4, 1, bias=False)])
