import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formulas import cost_of, kind_of
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

A, B, BIAS = Tensor((2, 3)), Tensor((3, 4)), Tensor((4,))
BATCH_A, BATCH_B = Tensor((5, 2, 3)), Tensor((5, 3, 4))
OUT, BATCH_OUT = Tensor((2, 4)), Tensor((5, 2, 4))
SPARSE_A = Tensor((2, 3), nnz=5)
COMPLEX_A, COMPLEX_B = (Tensor(t.shape, dtype="complex64", itemsize=8) for t in (A, B))
X, WEIGHT = Tensor((6, 7, 3)), Tensor((4, 3))


@pytest.mark.parametrize(
    ("packet", "arguments", "out", "expected"),
    [
        ("aten.mm", {"self": A, "mat2": B}, OUT, Cost(2 * 3 * 4)),
        ("aten.mm", {"self": COMPLEX_A, "mat2": COMPLEX_B}, OUT, Cost(4 * 2 * 3 * 4)),
        ("aten._int_mm", {"self": A, "mat2": B}, OUT, Cost(2 * 3 * 4)),
        ("aten.addmm", {"self": BIAS, "mat1": A, "mat2": B}, OUT, Cost(2 * 3 * 4, 2 * 4)),
        ("aten._addmm_activation", {"self": BIAS, "mat1": A, "mat2": B}, OUT, Cost(2 * 3 * 4, 2 * 2 * 4)),
        ("aten.bmm", {"self": BATCH_A, "mat2": BATCH_B}, BATCH_OUT, Cost(5 * 2 * 3 * 4)),
        (
            "aten.baddbmm",
            {"self": BIAS, "batch1": BATCH_A, "batch2": BATCH_B},
            BATCH_OUT,
            Cost(5 * 2 * 3 * 4, 5 * 2 * 4),
        ),
        ("aten.addbmm", {"self": BIAS, "batch1": BATCH_A, "batch2": BATCH_B}, OUT, Cost(5 * 2 * 3 * 4, 2 * 4)),
        ("aten.mv", {"self": A, "vec": Tensor((3,))}, Tensor((2,)), Cost(2 * 3)),
        ("aten.addmv", {"self": Tensor((2,)), "mat": A, "vec": Tensor((3,))}, Tensor((2,)), Cost(2 * 3, 2)),
        ("aten.dot", {"self": BIAS, "tensor": BIAS}, Tensor(()), Cost(4)),
        ("aten.vdot", {"self": BIAS, "other": BIAS}, Tensor(()), Cost(4)),
        ("aten.linalg_vecdot", {"x": A, "y": A, "dim": -1}, Tensor((2,)), Cost(2 * 3)),
        ("aten.inner", {"self": A, "other": WEIGHT}, OUT, Cost(2 * 3 * 4)),
        (
            "aten.matmul",
            {"self": Tensor((5, 1, 2, 3)), "other": Tensor((6, 3, 4))},
            Tensor((5, 6, 2, 4)),
            Cost(5 * 6 * 2 * 3 * 4),
        ),
        ("aten.matmul", {"self": Tensor((3,)), "other": B}, BIAS, Cost(3 * 4)),
        ("aten.matmul", {"self": BATCH_A, "other": Tensor((3,))}, Tensor((5, 2)), Cost(5 * 2 * 3)),
        (
            "aten.tensordot",
            {"self": BATCH_A, "other": BATCH_A, "dims_self": (0, 2), "dims_other": (0, 2)},
            Tensor((2, 2)),
            Cost(5 * 3 * 2 * 2),
        ),
        (
            "aten.linear",
            {"input": Tensor((2048,)), "weight": Tensor((1000, 2048)), "bias": Tensor((1000,))},
            Tensor((1000,)),
            Cost(2_048_000, 1000),
        ),
        ("aten.linear", {"input": X, "weight": WEIGHT, "bias": None}, Tensor((6, 7, 4)), Cost(6 * 7 * 3 * 4)),
        (
            "mkldnn._linear_pointwise",
            {"X": X, "W": WEIGHT, "B": BIAS, "attr": "relu"},
            Tensor((6, 7, 4)),
            Cost(6 * 7 * 3 * 4, 2 * 6 * 7 * 4),
        ),
        (
            "mkldnn._linear_pointwise",
            {"X": X, "other": X, "W": WEIGHT, "B": None, "attr": "add"},
            Tensor((6, 7, 4)),
            Cost(6 * 7 * 3 * 4, 6 * 7 * 4),
        ),
        (
            "mkl._mkl_linear",
            {"X": X, "MKL_W": Tensor((99,)), "ORI_W": WEIGHT, "B": BIAS},
            Tensor((6, 7, 4)),
            Cost(6 * 7 * 3 * 4, 6 * 7 * 4),
        ),
        ("aten._scaled_mm", {"self": A, "mat2": B, "scale_a": BIAS, "bias": BIAS}, OUT, Cost(2 * 3 * 4, 2 * 2 * 4)),
        ("aten._weight_int8pack_mm", {"self": A, "mat2": WEIGHT, "scales": BIAS}, OUT, Cost(2 * 3 * 4, 2 * 4)),
        ("aten._weight_int4pack_mm", {"self": A, "mat2": Tensor((1, 1, 32, 4))}, OUT, Cost(2 * 3 * 4, 2 * 3 * 4)),
        (
            "aten.bilinear",
            {"input1": A, "input2": OUT, "weight": Tensor((7, 3, 4)), "bias": BIAS},
            Tensor((2, 7)),
            Cost(2 * 7 * 3 * 4, 2 * 7),
        ),
        (
            "aten._euclidean_dist",
            {"x1": Tensor((9, 3)), "x2": Tensor((8, 3))},
            Tensor((9, 8)),
            Cost(9 * 8 * 3, 9 * 8 * (3 + 1)),
        ),
        ("aten._pdist_forward", {"self": Tensor((5, 3))}, Tensor((10,)), Cost(10 * 3, 10 * (3 + 1))),
        (
            "aten.linear_backward",
            {"self": X, "grad_output": Tensor((6, 7, 4)), "weight": WEIGHT, "output_mask": (True, True, True)},
            X,
            Cost(2 * 6 * 7 * 3 * 4, 6 * 7 * 4),
        ),
        ("aten.matmul_backward", {"self": A, "grad": OUT, "other": B, "mask": (False, True)}, B, Cost(2 * 3 * 4)),
    ],
)
def test_products(price, packet, arguments, out, expected):
    assert price(packet, arguments, out) == expected


def test_lists_of_matrices_are_multiplied_in_pairs(price):
    lists = {"self": (A, Tensor((5, 3))), "mat2": (B, B)}
    assert price("aten._foreach_mm", lists, OUT, Tensor((5, 4))) == Cost(2 * 3 * 4 + 5 * 3 * 4)


@pytest.mark.parametrize(
    ("left", "right", "out", "macs"),
    [
        ((10, 3), (2, 3, 4), (10, 4), 10 * 3 * 4),  # ragged rows, (2) offsets
        ((2, 10, 3), (2, 3, 4), (2, 10, 4), 2 * 10 * 3 * 4),
        ((10, 6), (6, 4), (2, 10, 4), 10 * 6 * 4),  # ragged inner dimension
        ((2, 10, 3), (3, 8), (10, 8), 10 * 3 * 8),  # ragged columns
    ],
)
def test_ragged_groups_share_the_rows(price, left, right, out, macs):
    arguments = {"self": Tensor(left), "mat2": Tensor(right), "offs": Tensor((2,), "int32"), "bias": None}
    assert price("aten._grouped_mm", arguments, Tensor(out)) == Cost(macs)


@pytest.mark.parametrize(
    ("packet", "arguments", "out", "expected"),
    [
        ("aten.mm", {"self": SPARSE_A, "mat2": B}, OUT, Cost(5 * 4)),
        ("aten.mm", {"self": A, "mat2": Tensor((3, 4), nnz=7)}, OUT, Cost(7 * 2)),
        ("aten.mm", {"self": SPARSE_A, "mat2": Tensor((3, 4), nnz=7)}, OUT, None),
        ("aten.addmm", {"self": BIAS, "mat1": SPARSE_A, "mat2": B}, OUT, Cost(5 * 4, 2 * 4)),
        ("aten.mv", {"self": SPARSE_A, "vec": Tensor((3,))}, Tensor((2,)), Cost(5)),
        (
            "aten.linear",
            {"input": X, "weight": Tensor((4, 3), nnz=5), "bias": None},
            Tensor((6, 7, 4)),
            Cost(6 * 7 * 5),
        ),
    ],
)
def test_sparse_operands_cost_what_they_store(price, packet, arguments, out, expected):
    assert price(packet, arguments, out) == expected


def test_the_in_place_and_out_variants_are_the_same_operator():
    arguments = {"self": OUT, "mat1": A, "mat2": B, "out": OUT}
    for name in ("aten.addmm.out", "aten.addmm_.default", "aten.addmm.dtype_out"):
        op = Op(name, arguments, (OUT,))
        assert (cost_of(op), kind_of(op)) == (Cost(24, 8), "contraction")


SIZES = st.integers(1, 9)


@given(batch=SIZES, rows=SIZES, inner=SIZES, columns=SIZES)
def test_matmul_and_bmm_agree(batch, rows, inner, columns):
    left, right = Tensor((batch, rows, inner)), Tensor((batch, inner, columns))
    out = (Tensor((batch, rows, columns)),)
    composite = cost_of(Op("aten.matmul.default", {"self": left, "other": right}, out))
    assert composite == cost_of(Op("aten.bmm.default", {"self": left, "mat2": right}, out))


@given(rows=SIZES, columns=SIZES, inner=SIZES)
def test_a_full_sparse_matrix_costs_what_a_dense_one_does(rows, columns, inner):
    right, out = Tensor((inner, columns)), (Tensor((rows, columns)),)
    dense, full = Tensor((rows, inner)), Tensor((rows, inner), nnz=rows * inner)
    costs = [cost_of(Op("aten.mm.default", {"self": left, "mat2": right}, out)) for left in (dense, full)]
    assert costs[0] == costs[1]
