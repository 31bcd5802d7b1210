"""Normalizations and softmax, per element as fvcore counts them (fvcore/nn/jit_handles.py) where it does."""

from analyzer.formulas.formula import Formula, first, given, per_input, per_output, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op

NORM = 5
"""Mean, difference, square, sum, scale: with weight; one less without."""
SOFTMAX = 5
"""Maximum, difference, exponential, sum, quotient."""


def normalize(flops: int) -> Formula:
    """other = ∏in · flops, and ∏in more with weight."""
    return lambda op: Cost(other_flops=first(op, "input", "self", "qx").numel * (flops + given(op, "weight")))


norm = normalize(NORM - 1)
rms_norm = normalize(NORM - 2)
"""No mean to take away."""
folded = normalize(1)
"""The statistics are constants."""


def batch_norm(op: Op) -> Cost | None:
    """As `folded`, in training as any other norm."""
    return (norm if op.arguments.get("training") else folded)(op)


BOUNDED: dict[str, Formula] = {
    **table(
        batch_norm,
        "batch_norm native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_functional "
        "_batch_norm_impl_index cudnn_batch_norm miopen_batch_norm",
    ),
    **table(folded, "_native_batch_norm_legit_no_training _batch_norm_no_update batch_norm_elemt quantized_batch_norm"),
    **table(
        norm,
        "_batch_norm_with_update _batch_norm_with_update_functional native_layer_norm layer_norm native_group_norm "
        "group_norm instance_norm",
    ),
    **table(rms_norm, "rms_norm _fused_rms_norm"),
    **table(per_output(1), "batch_norm_gather_stats batch_norm_gather_stats_with_counts"),
    **table(per_input(3), "batch_norm_stats batch_norm_update_stats"),
    # Twice the forward.
    **table(
        per_input(2 * NORM),
        "native_batch_norm_backward batch_norm_backward cudnn_batch_norm_backward miopen_batch_norm_backward "
        "native_layer_norm_backward native_group_norm_backward _fused_rms_norm_backward batch_norm_backward_elemt "
        "batch_norm_backward_reduce _batch_norm_impl_index_backward",
    ),
    # Square, sum and quotient of every weight.
    **table(per_input(3), "_weight_norm _weight_norm_interface renorm embedding_renorm"),
    **table(per_input(2), "norm_except_dim"),
    **table(per_input(6), "_weight_norm_interface_backward _weight_norm_differentiable_backward"),
    **table(
        per_input(SOFTMAX),
        "softmax _softmax log_softmax _log_softmax _safe_softmax _masked_softmax special_softmax special_log_softmax "
        "_nested_tensor_softmax_with_shape",
    ),
    **table(per_input(SOFTMAX - 1), "_softmax_backward_data _log_softmax_backward_data _masked_softmax_backward"),
}
