import pytest

from analyzer.formulas import kind_of
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

SPARSE, DENSE, OUT = Tensor((2, 3), nnz=5), Tensor((3, 4)), Tensor((2, 4))


@pytest.mark.parametrize(
    ("packet", "arguments", "expected"),
    [
        ("aten._sparse_mm", {"sparse": SPARSE, "dense": DENSE}, Cost(5 * 4)),
        ("aten._sparse_addmm", {"self": OUT, "mat1": SPARSE, "mat2": DENSE}, Cost(5 * 4, 2 * 4)),
        ("aten.hspmm", {"mat1": SPARSE, "mat2": DENSE}, Cost(5 * 4)),
        (
            "aten.sparse_sampled_addmm",
            {"self": Tensor((2, 4), nnz=3), "mat1": Tensor((2, 9)), "mat2": DENSE},
            Cost(3 * 9, 3),
        ),
        ("aten._sparse_semi_structured_mm", {"mat1": Tensor((2, 3)), "mat2": Tensor((6, 4))}, Cost(2 * 6 * 4 // 2)),
        (
            "aten._sparse_semi_structured_linear",
            {"input": Tensor((7, 6)), "weight": Tensor((4, 3)), "bias": None},
            Cost(7 * 6 * 4 // 2),
        ),
        (
            "aten._cslt_sparse_mm",
            {"compressed_A": Tensor((99,)), "dense_B": Tensor((6, 4)), "bias": None},
            Cost(2 * 6 * 4 // 2),
        ),
        (
            "aten._cslt_sparse_mm",
            {"compressed_A": Tensor((99,)), "dense_B": Tensor((6, 4)), "bias": OUT},
            Cost(2 * 6 * 4 // 2, 2 * 4),
        ),
        ("aten._sparse_softmax", {"self": SPARSE}, Cost(0, 5 * 5)),
    ],
)
def test_stored_elements_times_columns(price, packet, arguments, expected):
    assert price(packet, arguments, OUT) == expected


@pytest.mark.parametrize(
    ("packet", "arguments"),
    [
        ("aten._sparse_mm", {"sparse": Tensor((2, 3)), "dense": DENSE}),
        ("aten._sparse_mm", {"sparse": SPARSE, "dense": Tensor((3, 4), nnz=2)}),
        ("aten._sparse_sparse_matmul", {"self": SPARSE, "other": Tensor((3, 4), nnz=2)}),
        ("aten.sparse_sampled_addmm", {"self": OUT, "mat1": Tensor((2, 9)), "mat2": DENSE}),
        ("sparse.qlinear", {"X": Tensor((2, 3)), "W_prepack": Tensor((4, 3))}),
    ],
)
def test_what_the_stored_elements_do_not_tell_is_a_contraction_without_a_count(price, packet, arguments):
    assert price(packet, arguments, OUT) is None
    assert kind_of(Op(f"{packet}.default", arguments, (OUT,))) == "contraction"
