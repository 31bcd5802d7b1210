import pytest

from analyzer.values.counts import Cost
from analyzer.values.graph import Tensor

X, ROW, SCALAR = Tensor((4, 5)), Tensor((4,)), Tensor(())


@pytest.mark.parametrize(
    ("packet", "arguments", "out", "other"),
    [
        ("aten.sum", {"self": X, "dim": (1,)}, ROW, 4 * 5),
        ("aten.mean", {"self": X}, SCALAR, 4 * 5),
        ("aten.argmax", {"self": X, "dim": 1}, ROW, 4 * 5),
        ("aten.max", {"self": X, "dim": 1}, ROW, 4 * 5),
        ("aten.max", {"self": X, "other": Tensor((3, 4, 5))}, Tensor((3, 4, 5)), 3 * 4 * 5),
        ("aten.min", {"self": X}, SCALAR, 4 * 5),
        ("aten.aminmax", {"self": X}, SCALAR, 2 * 4 * 5),
        ("aten.cumsum", {"self": X, "dim": 0}, X, 4 * 5),
        ("aten.sort", {"self": X}, X, 4 * 5),
        ("aten.topk", {"self": X, "k": 2}, Tensor((4, 2)), 4 * 5),
        ("aten.linalg_vector_norm", {"self": X}, SCALAR, 2 * 4 * 5),
        ("aten.var", {"self": X}, SCALAR, 4 * 4 * 5),
        ("aten.logsumexp", {"self": X, "dim": (1,)}, ROW, 4 * 4 * 5),
        ("aten.searchsorted", {"sorted_sequence": Tensor((99,)), "self": X}, X, 4 * 5),
        ("aten.trace", {"self": X}, SCALAR, 4),
        ("aten.scatter_add", {"self": X, "dim": 0, "index": ROW, "src": ROW}, X, 4),
        ("aten.index_add", {"self": X, "dim": 1, "index": ROW, "source": X}, X, 4 * 5),
        ("aten.index_put_", {"self": X, "indices": (ROW,), "values": ROW, "accumulate": True}, X, 4),
        ("aten.index_put_", {"self": X, "indices": (ROW,), "values": ROW, "accumulate": False}, X, 0),
        (
            "aten._embedding_bag",
            {"weight": Tensor((10, 3)), "indices": Tensor((7,)), "per_sample_weights": None},
            X,
            7 * 3,
        ),
        (
            "aten._embedding_bag",
            {"weight": Tensor((10, 3)), "indices": Tensor((7,)), "per_sample_weights": Tensor((7,))},
            X,
            2 * 7 * 3,
        ),
        ("aten.reflection_pad2d_backward", {"grad_output": X, "self": ROW}, ROW, 4 * 5),
    ],
)
def test_elements_that_are_read(price, packet, arguments, out, other):
    assert price(packet, arguments, out) == Cost(0, other)
