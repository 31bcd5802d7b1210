"""What each operator does to the axes of the input, by name."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.dataflow.receptive_field import mixing_ops, view_ops, window_ops
from analyzer.dataflow.receptive_field.axes import Axes, broadcast, plain, together
from analyzer.dataflow.receptive_field.operands import Given, Handler, find_subject
from analyzer.values.graph import Op
from analyzer.values.operator_classes import BATCH_NORMS, CUTS, JOINS, PADS, SHUFFLES, VIEWS, aten, is_pointwise


def axes_after(op: Op, given: Given, operands: Sequence[Axes]) -> Axes:
    """The axes of an operator's first output; what is not known to keep positions apart mixes all of them."""
    handler = HANDLERS.get(op.packet)
    if handler is not None and find_subject(given) is not None:
        return handler(op, given)
    shape = op.outputs[0].shape
    if is_pointwise(op):
        return broadcast(operands, shape)
    return together([axes.global_along(axes.reach) for axes in operands], plain(shape))


def _table(handler: Handler, names: str) -> dict[str, Handler]:
    return dict.fromkeys(aten(names), handler)


HANDLERS: dict[str, Handler] = {
    **_table(window_ops.convolution, "convolution"),
    **_table(
        window_ops.pool, "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices max_pool1d max_pool2d"
    ),
    **_table(window_ops.pool, "max_pool3d avg_pool1d avg_pool2d avg_pool3d"),
    **_table(
        window_ops.adaptive_pool, "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d adaptive_max_pool2d"
    ),
    **_table(
        window_ops.adaptive_pool, "adaptive_max_pool1d adaptive_max_pool3d adaptive_avg_pool2d adaptive_avg_pool3d"
    ),
    **_table(window_ops.resize, "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d"),
    **_table(
        window_ops.resize, "_upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d"
    ),
    **_table(
        window_ops.resize, "upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa"
    ),
    **dict.fromkeys(PADS, window_ops.pad),
    **dict.fromkeys(CUTS, view_ops.parts),
    **_table(window_ops.cut, "slice"),
    **_table(view_ops.take, "select"),
    **dict.fromkeys(VIEWS, view_ops.view),
    **_table(view_ops.permute, "permute transpose t transpose_ t_ numpy_T"),
    **_table(view_ops.expand, "expand expand_as"),
    **dict.fromkeys(JOINS, view_ops.joined),
    **_table(view_ops.stacked, "stack"),
    **dict.fromkeys(BATCH_NORMS, mixing_ops.channelwise),
    **_table(mixing_ops.layer_norm, "native_layer_norm layer_norm _fused_rms_norm rms_norm"),
    **_table(mixing_ops.group_norm, "native_group_norm group_norm"),
    **_table(mixing_ops.along, "_softmax _log_softmax softmax _safe_softmax cumsum cumprod sort topk"),
    **_table(
        mixing_ops.reduced, "mean sum amax amin max min var std var_mean std_mean prod logsumexp argmax argmin any all"
    ),
    **_table(mixing_ops.reduced, "linalg_vector_norm norm"),
    **_table(mixing_ops.product, "mm bmm addmm baddbmm"),
    **_table(mixing_ops.linear, "linear"),
    **_table(mixing_ops.attention, "scaled_dot_product_attention"),
    **_table(window_ops.shuffle, "pixel_shuffle pixel_unshuffle"),
    **_table(window_ops.roll, "roll"),
    **_table(window_ops.patches, "im2col"),
    **_table(view_ops.indexed, "index _unsafe_index index_select"),
    **_table(window_ops.sliding, "unfold"),
    **_table(view_ops.looked_up, "embedding"),
    **dict.fromkeys(SHUFFLES, view_ops.shuffled),
}
