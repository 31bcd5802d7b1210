"""Reductions, scans, orderings and lookups that combine: FLOPs per element read."""

from analyzer.formulas.formula import Formula, per_element_of, per_input, per_output, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op

SCATTERED = ("src", "source", "values")


def extremum(op: Op) -> Cost | None:
    """One per element read; of two tensors, elementwise: one per output."""
    return (per_output if "other" in op.arguments else per_input)(1)(op)


def embedding_bag(op: Op) -> Cost:
    """other = ∏indices · D, twice that when every sample has its weight."""
    weighted = op.arguments.get("per_sample_weights") is not None
    return Cost(other_flops=op.tensor("indices").numel * op.tensor("weight").shape[-1] * (1 + weighted))


def trace(op: Op) -> Cost:
    """other = rows, one addition for each."""
    return Cost(other_flops=op.tensor("self").shape[0])


BOUNDED: dict[str, Formula] = {
    **table(extremum, "max min"),
    **table(
        per_input(1),
        "sum mean nansum nanmean prod amax amin argmax argmin any all count_nonzero cumsum cumprod cummax cummin "
        "_cummax_helper _cummin_helper sort argsort msort topk kthvalue median nanmedian mode _unique _unique2 "
        "unique_dim unique_consecutive unique_dim_consecutive histc histogram _histogramdd_bin_edges "
        "_histogramdd_from_bin_cts _histogramdd_from_bin_tensors bincount segment_reduce hash_tensor is_nonzero "
        "_is_all_true _is_any_true isin sum_to_size",
    ),
    **table(per_output(1), "searchsorted bucketize"),
    **table(per_input(2), "aminmax _aminmax norm native_norm frobenius_norm linalg_vector_norm linalg__powsum"),
    **table(per_input(3), "dist pairwise_distance cosine_similarity"),
    **table(per_input(4), "std var std_mean var_mean logsumexp logcumsumexp _logcumsumexp"),
    "aten.trace": trace,
    # One addition for every element that is scattered; without accumulation, data only moves.
    **table(
        per_element_of(1, *SCATTERED),
        "scatter_add index_add scatter_reduce index_reduce _unsafe_masked_index_put_accumulate",
    ),
    **table(per_element_of(1, *SCATTERED, when="accumulate"), "put index_put _index_put_impl _unsafe_index_put"),
    **table(embedding_bag, "embedding_bag _embedding_bag _embedding_bag_forward_only"),
    **table(
        per_input(1),
        "col2im embedding_dense_backward embedding_backward _embedding_bag_dense_backward _embedding_bag_backward "
        "index_select_backward gather_backward unfold_backward cumprod_backward "
        "_segment_reduce_backward _embedding_bag_per_sample_weights_backward cummaxmin_backward "
        # Places that were read several times add up their gradients.
        "reflection_pad1d_backward reflection_pad2d_backward reflection_pad3d_backward replication_pad1d_backward "
        "replication_pad2d_backward replication_pad3d_backward",
    ),
    **table(per_input(1), "sum prod amax amin xor_sum", "prims"),
    **table(per_input(4), "var", "prims"),
}
