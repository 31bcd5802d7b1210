"""Pooling: one FLOP per element that a window covers."""

from math import prod

from analyzer.formulas.formula import Formula, first, per_input, per_output, sizes, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op


def pool(dimensions: int) -> Formula:
    """other = ∏out · ∏kernel."""
    return lambda op: Cost(other_flops=op.outputs[0].numel * _window(op, dimensions))


def average_backward(dimensions: int) -> Formula:
    """other = ∏grad · ∏kernel."""
    return lambda op: Cost(other_flops=first(op, "grad_output").numel * _window(op, dimensions))


def _window(op: Op, dimensions: int) -> int:
    """∏kernel; one number stands for every dimension."""
    kernel = sizes(op, "kernel_size")
    return prod(kernel) if len(kernel) == dimensions else kernel[0] ** dimensions


BOUNDED: dict[str, Formula] = {
    **table(pool(1), "aten", "avg_pool1d max_pool1d max_pool1d_with_indices quantized_max_pool1d"),
    **table(
        pool(2),
        "aten",
        "avg_pool2d max_pool2d max_pool2d_with_indices mkldnn_max_pool2d quantized_max_pool2d fractional_max_pool2d",
    ),
    **table(
        pool(3),
        "aten",
        "avg_pool3d max_pool3d max_pool3d_with_indices mkldnn_max_pool3d quantized_max_pool3d fractional_max_pool3d",
    ),
    # Windows that meet without overlap cover every input once.
    **table(
        per_input(1),
        "aten",
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d "
        "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d mkldnn_adaptive_avg_pool2d",
    ),
    "aten.avg_pool2d_backward": average_backward(2),
    "aten.avg_pool3d_backward": average_backward(3),
    # A maximum passes its gradient to one place.
    **table(
        per_input(1),
        "aten",
        "max_pool2d_backward max_pool2d_with_indices_backward max_pool3d_with_indices_backward "
        "mkldnn_max_pool2d_backward mkldnn_max_pool3d_backward adaptive_max_pool2d_backward "
        "adaptive_max_pool3d_backward fractional_max_pool2d_backward fractional_max_pool3d_backward",
    ),
    **table(
        per_output(1),
        "aten",
        "_adaptive_avg_pool2d_backward _adaptive_avg_pool3d_backward adaptive_avg_pool3d_backward "
        "mkldnn_adaptive_avg_pool2d_backward",
    ),
    **table(pool(1), "quantized", "max_pool1d"),
    **table(pool(2), "quantized", "max_pool2d"),
}
