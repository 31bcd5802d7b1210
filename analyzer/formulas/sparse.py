"""Products with sparse matrices: one multiply-accumulate per stored element and column."""

from analyzer.formulas.formula import Formula, given, per_input, per_mac, per_output, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op


def stored_times_columns(sparse: str, dense: str, flops_per_output: int = 0) -> Formula:
    """macs = nnz · N, sparse (M, K) @ dense (K, N); unknown when nnz is, or when both are sparse."""

    def formula(op: Op) -> Cost | None:
        left, right = op.tensor(sparse), op.tensor(dense)
        if left.nnz is None or right.nnz is not None:
            return None
        return Cost(left.nnz * right.shape[-1] * per_mac(left), flops_per_output * op.outputs[0].numel)

    return formula


def sampled(op: Op) -> Cost | None:
    """macs = nnz · K: only stored elements of (M, K) @ (K, N) are computed; other = nnz for the sum."""
    pattern, left = op.tensor("self"), op.tensor("mat1")
    if pattern.nnz is None:
        return None
    return Cost(pattern.nnz * left.shape[-1] * per_mac(left), pattern.nnz)


def half_stored(left: str, right: str, flops_per_output: int = 0) -> Formula:
    """macs = ∏left · N, left (M, K/2): of every four elements two are stored."""
    return lambda op: Cost(op.tensor(left).numel * op.tensor(right).shape[-1], flops_per_output * op.outputs[0].numel)


def half_stored_packed(op: Op) -> Cost:
    """macs = ∏out · K / 2, dense_B (K, N): the layout of the compressed operand is the library's own."""
    out = op.outputs[0]
    return Cost(out.numel * op.tensor("dense_B").shape[0] // 2, given(op, "bias") * out.numel)


def pattern_unknown(op: Op) -> None:  # noqa: ARG001
    """The work depends on which elements are stored, not on how many."""
    return


CONTRACTIONS: dict[str, Formula] = {
    "aten._sparse_mm": stored_times_columns("sparse", "dense"),
    "aten._sparse_mm_reduce_impl": stored_times_columns("self", "other"),
    "aten._sparse_addmm": stored_times_columns("mat1", "mat2", 1),
    **table(stored_times_columns("self", "mat2"), "smm"),
    **table(stored_times_columns("mat1", "mat2"), "hspmm sspaddmm"),
    "aten.sparse_sampled_addmm": sampled,
    "aten._sparse_semi_structured_mm": half_stored("mat1", "mat2"),
    "aten._sparse_semi_structured_addmm": half_stored("mat1", "mat2", 1),
    "aten._cslt_sparse_mm": half_stored_packed,
    **table(pattern_unknown, "_sparse_sparse_matmul"),
    **table(pattern_unknown, "qlinear qlinear_relu qlinear_dynamic qlinear_relu_dynamic", "sparse"),
}

BOUNDED: dict[str, Formula] = {
    **table(per_input(5), "_sparse_softmax _sparse_log_softmax"),
    **table(per_input(1), "_sparse_sum _sparse_csr_sum _sparse_csr_prod _coalesce coalesce"),
    **table(per_input(4), "_sparse_softmax_backward_data _sparse_log_softmax_backward_data"),
    **table(per_output(1), "_sparse_sum_backward"),
}
