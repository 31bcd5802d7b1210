"""What each operator does to the axes of the input, by name."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.dataflow import blending, shaping, sliding
from analyzer.dataflow.axes import Axes, broadcast, plain, together
from analyzer.dataflow.handling import Given, Handler, find_subject
from analyzer.dataflow.operators import BATCH_NORMS, CUTS, JOINS, PADS, VIEWS, aten, is_pointwise
from analyzer.graph import Op


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
    **_table(sliding.convolution, "convolution"),
    **_table(
        sliding.pool, "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices max_pool1d max_pool2d"
    ),
    **_table(sliding.pool, "max_pool3d avg_pool1d avg_pool2d avg_pool3d"),
    **_table(
        sliding.adaptive_pool, "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d adaptive_max_pool2d"
    ),
    **_table(sliding.adaptive_pool, "adaptive_max_pool1d adaptive_max_pool3d adaptive_avg_pool2d adaptive_avg_pool3d"),
    **_table(sliding.resize, "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d"),
    **_table(
        sliding.resize, "_upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d"
    ),
    **_table(sliding.resize, "upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa"),
    **dict.fromkeys(PADS, sliding.pad),
    **dict.fromkeys(CUTS, shaping.parts),
    **_table(sliding.cut, "slice"),
    **_table(shaping.take, "select"),
    **dict.fromkeys(VIEWS, shaping.view),
    **_table(shaping.permute, "permute transpose t transpose_ t_ numpy_T"),
    **_table(shaping.expand, "expand expand_as"),
    **dict.fromkeys(JOINS, shaping.joined),
    **_table(shaping.stacked, "stack"),
    **dict.fromkeys(BATCH_NORMS, blending.channelwise),
    **_table(blending.layer_norm, "native_layer_norm layer_norm _fused_rms_norm rms_norm"),
    **_table(blending.group_norm, "native_group_norm group_norm"),
    **_table(blending.along, "_softmax _log_softmax softmax _safe_softmax cumsum cumprod sort topk"),
    **_table(
        blending.reduced, "mean sum amax amin max min var std var_mean std_mean prod logsumexp argmax argmin any all"
    ),
    **_table(blending.reduced, "linalg_vector_norm norm"),
    **_table(blending.product, "mm bmm addmm baddbmm"),
    **_table(blending.linear, "linear"),
    **_table(blending.attention, "scaled_dot_product_attention"),
    **_table(sliding.shuffle, "pixel_shuffle pixel_unshuffle"),
    **_table(sliding.roll, "roll"),
    **_table(sliding.patches, "im2col"),
    **_table(shaping.indexed, "index _unsafe_index index_select"),
    **_table(sliding.sliding, "unfold"),
    **_table(shaping.looked_up, "embedding"),
    **_table(shaping.same, "channel_shuffle native_channel_shuffle"),
}
