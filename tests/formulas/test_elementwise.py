import pytest

from analyzer.values.counts import Cost
from analyzer.values.graph import Tensor

X, Y = Tensor((2, 1, 3)), Tensor((2, 4, 3))


@pytest.mark.parametrize(
    "packet",
    [
        "aten.add",
        "aten.relu",
        "aten.gelu",
        "aten.hardswish",
        "aten.where",
        "aten.masked_fill",
        "aten.eq",
        "aten._prelu_kernel",
        "aten.__and__",
        "aten.gelu_backward",
        "aten.quantize_per_tensor",
        "aten.special_expit",
        "prims.mul",
    ],
)
def test_one_per_output_of_a_broadcast(price, packet):
    assert price(packet, {"self": X, "other": Y}, Y) == Cost(0, 2 * 4 * 3)


def test_gated_linear_unit_counts_its_output(price):
    assert price("aten.glu", {"self": Tensor((2, 8))}, Tensor((2, 4))) == Cost(0, 2 * 4)


@pytest.mark.parametrize(
    ("packet", "arguments", "other"),
    [
        ("aten.native_dropout", {"input": Y, "p": 0.5, "train": True}, 24),
        ("aten.native_dropout", {"input": Y, "p": 0.5, "train": False}, 0),
        ("aten.native_dropout", {"input": Y, "p": 0.5, "train": None}, 24),
        ("aten.dropout", {"input": Y, "p": 0.5, "train": False}, 0),
        ("aten._fused_dropout", {"self": Y, "p": 0.5}, 24),
    ],
)
def test_dropout_costs_in_training(price, packet, arguments, other):
    assert price(packet, arguments, Y) == Cost(0, other)


def test_lists_of_tensors_cost_their_elements(price):
    assert price("aten._foreach_add_", {"self": (X, Y), "scalar": 1}) == Cost(0, 6 + 24)
    assert price("aten._foreach_norm", {"self": (X, Y)}, Tensor(()), Tensor(())) == Cost(0, 2 * (6 + 24))


def test_comparing_tensors_reads_them(price):
    assert price("aten.equal", {"self": Y, "other": Y}) == Cost(0, 24)


def test_cross_product_is_two_products_and_a_difference(price):
    assert price("aten.linalg_cross", {"self": Y, "other": Y, "dim": -1}, Y) == Cost(0, 3 * 24)
