"""Rows of what a layer reads: the very positions of its outputs, always the same ones."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from analyzer.fitting.moments import Moments, outputs, patches, taps, width

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


@pytest.mark.parametrize("is_free", [True, False])
def test_averages_of_many_values_and_of_other_targets(is_free: bool) -> None:
    """E[x xᵀ] and E[x yᵀ], about the means where outputs can be shifted."""
    x, y, other = (torch.randn(3000, width) + 0.5 for width in (600, 7, 7))
    moments = Moments(600, 7)
    for part in range(0, 3000, 1000):
        moments.add(x[part : part + 1000], y[part : part + 1000])
    averages = moments.averages(is_free)
    again = averages.towards([(x[:1700], other[:1700]), (x[1700:], other[1700:])])
    read = x - x.mean(0) * is_free
    ridge = averages.ridge * torch.eye(600, dtype=torch.double)
    assert torch.allclose(averages.gram - ridge, (read.T @ read / 3000).double(), atol=1e-5)
    for found, target in ((averages, y), (again, other)):
        wanted = target - target.mean(0) * is_free
        assert found.cross is not None
        assert torch.allclose(found.cross, (read.T @ wanted / 3000).double(), atol=1e-5)
        assert torch.allclose(found.power, wanted.square().mean(0).double(), atol=1e-5)
        assert torch.allclose(found.wanted, (target.mean(0) * is_free).double(), atol=1e-5)


def test_summing_takes_no_second_square(bytes_taken: Callable[[Callable[[], object]], int]) -> None:
    moments, x, y = Moments(2304, 8), torch.randn(256, 2304), torch.randn(256, 8)
    moments.add(x, y)
    assert bytes_taken(lambda: (moments.add(x, y), moments.averages(True))) < 0.5 * 8 * 2304**2
