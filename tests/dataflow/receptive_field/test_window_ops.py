"""Operators that read through windows: what one output position reads, as arithmetic."""

from fractions import Fraction

import pytest

from analyzer.dataflow.receptive_field import window_ops
from analyzer.dataflow.receptive_field.axes import Axes, Factor, Reach
from analyzer.dataflow.receptive_field.window import IDENTITY
from analyzer.values.graph import Op, Tensor

SHAPE = (1, 4, 12, 16)
IMAGE = Axes(
    ((Factor(None, 1),), (Factor(None, 4),), (Factor(0, 12),), (Factor(1, 16),)), dict.fromkeys((0, 1), Reach(IDENTITY))
)


def after(handler, packet, shape, subject="self", **arguments):
    op = Op(f"{packet}.default", {subject: Tensor(SHAPE), **arguments}, (Tensor(shape),))
    return handler(op, {subject: IMAGE})


def convolved(shape=(1, 8, 6, 16), stride=(2, 1), transposed=False, kernel=(3, 3)):
    settings = {"stride": stride, "padding": (1, 1), "dilation": (1, 2), "transposed": transposed}
    weight = Tensor((8, 4, *kernel), weight="weight")
    return after(window_ops.convolution, "aten.convolution", shape, "input", weight=weight, **settings)


def test_a_convolution_reads_its_span_and_moves_by_its_stride():
    axes = convolved()
    # d (k - 1) + 1: 3 along the first axis, 5 along the dilated one
    assert [axes.reach[axis].window.size for axis in (0, 1)] == [3, 2 * (3 - 1) + 1]
    assert [axes.reach[axis].window.jump for axis in (0, 1)] == [Fraction(2), Fraction(1)]
    assert axes.dimensions[1:3] == ((Factor(None, 8),), (Factor(0, 6),))


def test_a_transposed_convolution_moves_by_a_fraction():
    axes = convolved((1, 8, 24, 16), transposed=True, kernel=(4, 3))
    assert axes.reach[0].window.jump == Fraction(1, 2)
    assert axes.reach[0].window.size == 4 // 2


def test_pooling_without_a_stride_moves_by_its_kernel():
    axes = after(window_ops.pool, "aten.max_pool2d", (1, 4, 4, 5), kernel_size=(3, 3), stride=(), padding=0, dilation=1)
    assert {(reach.window.size, reach.window.jump) for reach in axes.reach.values()} == {(3, Fraction(3))}


def test_one_output_of_an_adaptive_pooling_reads_everything_and_several_read_blocks():
    one = after(window_ops.adaptive_pool, "aten._adaptive_avg_pool2d", (1, 4, 1, 4), output_size=(1, 4))
    assert (one.reach[0].whole, one.reach[1].whole) == (True, False)
    assert one.reach[1].window.size == 16 // 4


@pytest.mark.parametrize(("packet", "size"), [("aten.upsample_nearest2d", 1), ("aten.upsample_bilinear2d", 2)])
def test_resizing_by_two_reads_one_neighbour_or_two(packet, size):
    axes = after(window_ops.resize, packet, (1, 4, 24, 32), output_size=(24, 32), align_corners=False)
    assert {(reach.window.size, reach.window.jump) for reach in axes.reach.values()} == {(size, Fraction(1, 2))}


def test_padding_shifts_what_the_first_output_reads():
    axes = after(window_ops.pad, "aten.constant_pad_nd", (1, 4, 12, 19), pad=(1, 2))
    assert (axes.reach[1].window.low, axes.reach[0].window.low) == ((-1,), (0,))


def test_a_slice_begins_later_and_skips():
    axes = after(window_ops.cut, "aten.slice", (1, 4, 5, 16), dim=2, start=2, end=12, step=2)
    assert (axes.reach[0].window.low, axes.reach[0].window.jump) == ((2,), Fraction(2))


@pytest.mark.parametrize(
    ("packet", "shape", "factor", "jump"),
    [
        ("aten.pixel_shuffle", (1, 1, 24, 32), {"upscale_factor": 2}, Fraction(1, 2)),
        ("aten.pixel_unshuffle", (1, 16, 6, 8), {"downscale_factor": 2}, Fraction(2)),
    ],
)
def test_pixel_shuffle_and_its_inverse(packet, shape, factor, jump):
    axes = after(window_ops.shuffle, packet, shape, **factor)
    assert {reach.window.jump for reach in axes.reach.values()} == {jump}


def test_what_is_rolled_comes_from_both_ends_and_without_dimensions_from_anywhere():
    assert after(window_ops.roll, "aten.roll", SHAPE, shifts=(1,), dims=()).reach[0].whole
    rolled = after(window_ops.roll, "aten.roll", SHAPE, shifts=(1,), dims=(2,))
    assert (rolled.reach[0].irregular, rolled.reach[1].irregular) == (True, False)


def test_patches_have_both_axes_in_one_dimension():
    settings = {"kernel_size": (3, 3), "stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
    axes = after(window_ops.patches, "aten.im2col", (1, 4 * 9, 10 * 14), **settings)
    assert axes.dimensions[-1] == (Factor(0, 10), Factor(1, 14))
    assert axes.reach[0].window.size == 3


def test_windows_along_a_dimension_have_their_places_in_a_new_one():
    axes = after(window_ops.sliding, "aten.unfold", (1, 4, 12, 7, 4), dimension=3, size=4, step=2)
    assert axes.dimensions[3:] == ((Factor(1, 7),), (Factor(None, 4),))
    assert (axes.reach[1].window.size, axes.reach[1].window.jump) == (4, Fraction(2))
