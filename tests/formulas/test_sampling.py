import pytest

from analyzer.values.counts import Cost
from analyzer.values.graph import Tensor

X, OUT = Tensor((2, 3, 4, 4)), Tensor((2, 3, 8, 8))
N = 2 * 3 * 8 * 8
GRID, VOLUME = Tensor((2, 8, 8, 2)), Tensor((2, 8, 8, 8, 3))


@pytest.mark.parametrize(
    ("packet", "arguments", "other"),
    [
        ("aten.upsample_nearest2d", {"self": X}, 0),
        ("aten.upsample_linear1d", {"self": X}, 2 * N),
        ("aten.upsample_bilinear2d", {"self": X}, 4 * N),
        ("aten.upsample_bilinear2d", {"input": X, "scale_factors": (2.0, 2.0)}, 4 * N),
        ("aten.upsample_trilinear3d", {"self": X}, 8 * N),
        ("aten.upsample_bicubic2d", {"self": X}, 16 * N),
        ("aten._upsample_bilinear2d_aa", {"self": X}, 4 * (N + 2 * 3 * 4 * 4)),
        ("aten.grid_sampler_2d", {"input": X, "grid": GRID, "interpolation_mode": 0}, 4 * N),
        ("aten.grid_sampler_2d", {"input": X, "grid": GRID, "interpolation_mode": 1}, N),
        ("aten.grid_sampler_2d", {"input": X, "grid": GRID, "interpolation_mode": 2}, 16 * N),
        ("aten.grid_sampler_3d", {"input": X, "grid": VOLUME, "interpolation_mode": 0}, 8 * N),
        ("aten.grid_sampler", {"input": X, "grid": VOLUME, "interpolation_mode": 0}, 8 * N),
        ("aten.upsample_bilinear2d_backward", {"grad_output": OUT}, 4 * N),
        ("aten.grid_sampler_2d_backward", {"grad_output": OUT, "input": X, "grid": GRID}, 8 * N),
    ],
)
def test_taps_per_output(price, packet, arguments, other):
    assert price(packet, arguments, OUT) == Cost(0, other)


def test_an_affine_grid_is_a_small_product_per_place(price):
    assert price("aten.affine_grid_generator", {"theta": Tensor((2, 2, 3))}, GRID) == Cost(0, 2 * 8 * 8 * 2 * 4)
