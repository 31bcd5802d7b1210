import pytest

from analyzer.values.counts import Cost
from analyzer.values.graph import Tensor

X, OUT = Tensor((2, 3, 8, 8)), Tensor((2, 3, 4, 4))


@pytest.mark.parametrize(
    ("packet", "arguments", "out", "other"),
    [
        ("aten.max_pool2d_with_indices", {"self": X, "kernel_size": (3, 2)}, OUT, 2 * 3 * 4 * 4 * 3 * 2),
        ("aten.avg_pool2d", {"self": X, "kernel_size": (3,)}, OUT, 2 * 3 * 4 * 4 * 3 * 3),
        ("aten.avg_pool1d", {"self": X, "kernel_size": (3,)}, OUT, 2 * 3 * 4 * 4 * 3),
        ("aten.avg_pool3d", {"self": X, "kernel_size": (2,)}, OUT, 2 * 3 * 4 * 4 * 2 * 2 * 2),
        ("aten._adaptive_avg_pool2d", {"self": X, "output_size": (4, 4)}, OUT, 2 * 3 * 8 * 8),
        ("aten.adaptive_max_pool2d", {"self": X, "output_size": (1, 1)}, OUT, 2 * 3 * 8 * 8),
        ("aten.avg_pool2d_backward", {"grad_output": OUT, "self": X, "kernel_size": (2, 2)}, X, 2 * 3 * 4 * 4 * 2 * 2),
        ("aten.max_pool2d_with_indices_backward", {"grad_output": OUT, "self": X}, X, 2 * 3 * 4 * 4),
        ("aten._adaptive_avg_pool2d_backward", {"grad_output": OUT, "self": X}, X, 2 * 3 * 8 * 8),
        ("quantized.max_pool2d", {"qx": X, "kernel_size": (2, 2)}, OUT, 2 * 3 * 4 * 4 * 2 * 2),
    ],
)
def test_elements_under_the_windows(price, packet, arguments, out, other):
    assert price(packet, arguments, out) == Cost(0, other)
