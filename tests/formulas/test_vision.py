import pytest

from analyzer.formulas import kind_of
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

X, WEIGHT, OUT = Tensor((2, 6, 9, 9)), Tensor((8, 3, 3, 3)), Tensor((2, 8, 7, 7))


@pytest.mark.parametrize(("use_mask", "per_sample"), [(False, 4), (True, 5)])
def test_deformable_convolution(price, use_mask, per_sample):
    arguments = {"input": X, "weight": WEIGHT, "bias": Tensor((8,)), "groups": 2, "use_mask": use_mask}
    sampled = 2 * 6 * 3 * 3 * 7 * 7
    cost = price("torchvision.deform_conv2d", arguments, OUT)
    assert cost == Cost(2 * 8 * 7 * 7 * 3 * 3 * 3, per_sample * sampled + 2 * 8 * 7 * 7)


@pytest.mark.parametrize(("ratio", "samples"), [(2, 4), (1, 1), (0, 1), (-1, 1)])
def test_region_alignment(price, ratio, samples):
    arguments = {"input": X, "rois": Tensor((5, 5)), "sampling_ratio": ratio}
    assert price("torchvision.roi_align", arguments, Tensor((5, 6, 7, 7))) == Cost(0, 5 * 6 * 7 * 7 * samples * 4)


@pytest.mark.parametrize(("boxes", "pairs"), [(0, 0), (1, 0), (100, 4950)])
def test_suppression_looks_at_every_pair(price, boxes, pairs):
    arguments = {"dets": Tensor((boxes, 4)), "scores": Tensor((boxes,))}
    assert price("torchvision.nms", arguments, Tensor((boxes,))) == Cost(0, 13 * pairs)


def test_overlap_of_rotated_boxes_is_opaque():
    assert kind_of(Op("torchvision.box_iou_rotated.default", {"boxes1": X, "boxes2": X}, (X,))) == "opaque"
