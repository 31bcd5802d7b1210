import pytest

from analyzer.values.counts import Cost
from analyzer.values.graph import Tensor

X, TARGET = Tensor((4, 10)), Tensor((4,), "int64", 8)


@pytest.mark.parametrize(
    ("packet", "target", "other"),
    [
        ("aten.mse_loss", X, 3 * 4 * 10),
        ("aten.binary_cross_entropy", X, 3 * 4 * 10),
        ("aten.nll_loss_forward", TARGET, 4),
        ("aten.nll_loss_backward", TARGET, 4),
    ],
)
def test_elements_that_are_judged(price, packet, target, other):
    assert price(packet, {"self": X, "target": target}, Tensor(())) == Cost(0, other)
