"""Rows of what a layer reads: the very positions of its outputs, always the same ones."""

import pytest
import torch
from torch import nn

from analyzer.fitting.moments import outputs, patches, taps, width

LAYERS = {
    "3x3": (nn.Conv2d(3, 5, 3, padding=1), (2, 3, 8, 8)),
    "strided and dilated": (nn.Conv2d(3, 5, (3, 2), stride=2, padding=1, dilation=2), (2, 3, 9, 8)),
    "one dimension": (nn.Conv1d(3, 5, 3), (2, 3, 9)),
    "linear": (nn.Linear(4, 5), (2, 7, 4)),
}


@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS.keys())
@torch.no_grad()
def test_a_layer_is_the_product_of_its_weight_and_the_patches(layer: nn.Module, shape: tuple[int, ...]) -> None:
    value = torch.randn(shape)
    target = layer(value)
    read, wanted = patches(layer, value, target, most=10_000)
    assert torch.allclose(read @ layer.weight.flatten(1).T + layer.bias, wanted, atol=1e-5)
    assert read.shape[1] == width(layer)
    assert torch.equal(outputs(target, layer, most=10_000), wanted)


def test_the_same_positions_are_taken_every_time() -> None:
    layer, value = nn.Conv2d(3, 4, 3), torch.randn(2, 3, 20, 20)
    first, second = (patches(layer, value, layer(value).detach(), most=20) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert len(first[0]) == 20


def test_taps_of_a_layer() -> None:
    assert (taps(nn.Conv2d(3, 4, (3, 2))), taps(nn.Linear(3, 4))) == (6, 1)
