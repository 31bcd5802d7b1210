import pytest
import sympy

from analyzer.values.counts import Cost
from analyzer.values.graph import Tensor

COMPLEX = Tensor((3, 8, 16), "complex64", 8)
REAL = Tensor((3, 8, 16))
HALF = Tensor((3, 8, 9), "complex64", 8)


@pytest.mark.parametrize(
    ("packet", "x", "dim", "out", "other"),
    [
        ("aten._fft_c2c", COMPLEX, (2,), COMPLEX, 5 * 3 * 8 * 16 * 4),
        ("aten._fft_c2c", COMPLEX, (1, 2), COMPLEX, 5 * 3 * 8 * 16 * 7),
        ("aten._fft_r2c", REAL, (2,), HALF, 5 * 3 * 8 * 16 * 4 // 2),
        ("aten._fft_c2r", HALF, (-1,), REAL, 5 * 3 * 8 * 16 * 4 // 2),
        ("aten._fft_r2c", Tensor((1, 1000)), (1,), HALF, 5 * 1000 * 10 // 2),
        ("aten._fft_c2c", Tensor((7, 1)), (1,), Tensor((7, 1)), 0),
    ],
)
def test_five_n_log_n(price, packet, x, dim, out, other):
    assert price(packet, {"self": x, "dim": dim}, out) == Cost(0, other)


def test_a_symbolic_batch_is_fine_and_a_symbolic_length_has_no_count(price):
    size = sympy.Symbol("n", positive=True, integer=True)
    x = Tensor((size, 8))
    assert price("aten._fft_c2c", {"self": x, "dim": (1,)}, x) == Cost(0, 5 * 8 * size * 3)
    assert price("aten._fft_c2c", {"self": x, "dim": (0,)}, x) is None
