"""Pooling: one FLOP per element that a window covers."""

from math import prod
from typing import cast

from analyzer.formulas.formula import Formula, per_input, per_output, sizes, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor


def pool(dimensions: int) -> Formula:
    """other = ∏out · ∏kernel, backward ∏grad · ∏kernel; one number stands for every dimension of the kernel."""

    def formula(op: Op) -> Cost:
        kernel, pooled = sizes(op, "kernel_size"), op.arguments.get("grad_output", op.outputs[0])
        window = prod(kernel) if len(kernel) == dimensions else kernel[0] ** dimensions
        return Cost(other_flops=cast(Tensor, pooled).numel * window)

    return formula


BOUNDED: dict[str, Formula] = {
    **table(pool(1), "avg_pool1d max_pool1d max_pool1d_with_indices quantized_max_pool1d"),
    **table(
        pool(2),
        "avg_pool2d max_pool2d max_pool2d_with_indices mkldnn_max_pool2d quantized_max_pool2d fractional_max_pool2d",
    ),
    **table(
        pool(3),
        "avg_pool3d max_pool3d max_pool3d_with_indices mkldnn_max_pool3d quantized_max_pool3d fractional_max_pool3d",
    ),
    "aten.avg_pool2d_backward": pool(2),
    "aten.avg_pool3d_backward": pool(3),
    **table(
        per_input(1),
        # Windows that meet without overlap cover every input once.
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d "
        "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d mkldnn_adaptive_avg_pool2d "
        # A maximum passes its gradient to one place.
        "max_pool2d_backward max_pool2d_with_indices_backward max_pool3d_with_indices_backward "
        "mkldnn_max_pool2d_backward mkldnn_max_pool3d_backward adaptive_max_pool2d_backward "
        "adaptive_max_pool3d_backward fractional_max_pool2d_backward fractional_max_pool3d_backward",
    ),
    **table(
        per_output(1),
        "_adaptive_avg_pool2d_backward _adaptive_avg_pool3d_backward adaptive_avg_pool3d_backward "
        "mkldnn_adaptive_avg_pool2d_backward",
    ),
    **table(pool(1), "max_pool1d", "quantized"),
    **table(pool(2), "max_pool2d", "quantized"),
}
