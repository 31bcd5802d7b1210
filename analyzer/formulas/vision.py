"""torchvision's operators: deformable convolution, regions of interest, suppression of boxes."""

from math import prod

from analyzer.formulas.formula import Formula, given, per_input, per_mac, per_output, table
from analyzer.formulas.sampling import BILINEAR
from analyzer.values.counts import Cost
from analyzer.values.graph import Op

BOX_OVERLAP = 13
"""Intersection over union of two boxes: 4 corners, 2 sides, 2 clamps, area, union 2, quotient, comparison."""


def deformable_convolution(op: Op) -> Cost:
    """macs = N · Cout · (Cin/g) · ∏k · ∏out; other = N · Cin · ∏k · ∏out · (4 taps + mask) + bias."""
    weight, out = op.tensor("weight"), op.outputs[0]
    batch, _, *space = out.shape
    sampled = batch * op.tensor("input").shape[1] * prod(weight.shape[2:]) * prod(space)
    macs = out.numel * prod(weight.shape[1:]) * per_mac(weight)
    return Cost(macs, sampled * (BILINEAR + bool(op.arguments.get("use_mask"))) + given(op, "bias") * out.numel)


def aligned_regions(op: Op) -> Cost:
    """other = ∏out · ratio² · 4 taps; an adaptive ratio (0 or less) depends on the boxes and counts as 1."""
    ratio = op.integer("sampling_ratio")
    return Cost(other_flops=op.outputs[0].numel * (ratio**2 if ratio > 0 else 1) * BILINEAR)


def suppression(op: Op) -> Cost:
    """other = n · (n − 1) / 2 · 13: every pair of boxes, which is the most it can be."""
    boxes = op.tensor("dets").shape[0]
    return Cost(other_flops=boxes * (boxes - 1) // 2 * BOX_OVERLAP)


CONTRACTIONS: dict[str, Formula] = {"torchvision.deform_conv2d": deformable_convolution}

BOUNDED: dict[str, Formula] = {
    **table(aligned_regions, "roi_align qroi_align ps_roi_align", "torchvision"),
    # How many pixels a bin covers depends on the boxes.
    **table(per_output(1), "roi_pool ps_roi_pool", "torchvision"),
    **table(per_input(BILINEAR), "_roi_align_backward _ps_roi_align_backward", "torchvision"),
    **table(per_input(1), "_roi_pool_backward _ps_roi_pool_backward", "torchvision"),
    **table(suppression, "nms qnms", "torchvision"),
}
