"""What cannot run is refused without values too, and nothing that can run is."""

import pytest
import torch
from torch import nn

from analyzer import analyze
from analyzer.values.errors import Problem

F32, F64, F16, I64 = torch.float32, torch.float64, torch.float16, torch.int64


def images(*shape, dtype=F32):
    return torch.empty(shape, dtype=dtype, device="meta")


class Product(nn.Module):
    def forward(self, a, b):
        return a @ b


TRANSPOSED = [
    (nn.ConvTranspose1d(4, 6, 3), (1, 4, 7)),
    (nn.ConvTranspose2d(4, 6, 3), (1, 4, 7, 7)),
    (nn.ConvTranspose2d(4, 6, 3), (4, 7, 7)),
    (nn.ConvTranspose2d(4, 6, 3, groups=2), (1, 4, 7, 7)),
    (nn.ConvTranspose3d(4, 6, 3), (1, 4, 7, 7, 7)),
]


@pytest.mark.parametrize(("layer", "shape"), TRANSPOSED)
def test_channels_of_a_transposed_convolution(layer, shape):
    batched = len(shape) == layer.weight.dim()
    wrong = (1, 5, *shape[2:]) if batched else (5, *shape[1:])
    with pytest.raises(Problem, match="to have 4 channels, but got 5 channels instead"):
        analyze(layer, args=(images(*wrong),))
    places = torch.Size(shape[2:] if batched else shape[1:]).numel()
    kernel = torch.Size(layer.kernel_size).numel()
    assert analyze(layer, args=(images(*shape),)).total.macs == 4 * 6 // layer.groups * kernel * places


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 3, 4)])
def test_a_linear_layer_takes_its_own_dtype_alone(bias, shape):
    layer = nn.Linear(4, 3, bias)
    for dtype in (F64, F16, I64, torch.bool, torch.complex64):
        with pytest.raises(Problem, match="dtype"):
            analyze(layer, args=(images(*shape, dtype=dtype),))
    rows = torch.Size(shape[:-1]).numel()
    for dtype in (F32, F64, F16):
        assert analyze(layer.to(dtype), args=(images(*shape, dtype=dtype),)).total.macs == rows * 4 * 3


@pytest.mark.parametrize(("left", "right"), [((4,), (4,)), ((3, 4), (4,)), ((3, 4), (4, 2)), ((5, 3, 4), (5, 4, 2))])
def test_factors_of_a_product_share_their_dtype(left, right):
    with pytest.raises(Problem, match="dtype"):
        analyze(Product(), args=(images(*left), images(*right, dtype=F64)))
    columns = right[-1] if len(right) > 1 else 1
    assert analyze(Product(), args=(images(*left), images(*right))).total.macs == torch.Size(left).numel() * columns


def test_mixed_dtypes_under_autocast_are_one():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.head(x.bfloat16())

    assert analyze(Mixed(), args=(torch.zeros(2, 4),)).total.macs == 2 * 4 * 3
