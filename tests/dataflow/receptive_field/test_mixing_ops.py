"""Operators that let positions flow together: which axes are read whole, and which stay followed."""

import pytest

from analyzer.dataflow.receptive_field import mixing_ops
from analyzer.dataflow.receptive_field.axes import Axes, Factor, Reach, plain
from analyzer.dataflow.receptive_field.window import IDENTITY
from analyzer.values.graph import Op, Tensor

SHAPE = (2, 4, 6, 8)
IMAGE = Axes((*plain((2, 4)), (Factor(0, 6),), (Factor(1, 8),)), dict.fromkeys((0, 1), Reach(IDENTITY)))
TOKENS = Axes((*plain((2,)), (Factor(0, 6),), *plain((8,))), {0: Reach(IDENTITY)})


def after(handler, packet, shape=SHAPE, **arguments):
    op = Op(f"{packet}.default", {"input": Tensor(SHAPE), **arguments}, (Tensor(shape),))
    return handler(op, {"input": IMAGE})


def whole(axes):
    return {axis for axis, reach in axes.reach.items() if reach.whole}


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        (after(mixing_ops.channelwise, "aten.batch_norm", training=False), set()),
        (after(mixing_ops.channelwise, "aten.batch_norm", training=True), {0, 1}),
        (after(mixing_ops.channelwise, "aten._native_batch_norm_legit_no_training"), set()),
        (after(mixing_ops.layer_norm, "aten.native_layer_norm", normalized_shape=(8,)), {1}),
        (after(mixing_ops.layer_norm, "aten.native_layer_norm", normalized_shape=(6, 8)), {0, 1}),
        (after(mixing_ops.group_norm, "aten.native_group_norm"), {0, 1}),
        (after(mixing_ops.along, "aten._softmax", dim=-2), {0}),
        (after(mixing_ops.along, "aten._softmax", dim=1), set()),
        (after(mixing_ops.linear, "aten.linear", (2, 4, 6, 5)), {1}),
    ],
)
def test_the_dimensions_that_are_mixed_are_read_whole(axes, expected):
    assert whole(axes) == expected


@pytest.mark.parametrize(("shape", "left"), [((2, 4, 6, 1), [None, None, 0, None]), ((2, 4, 6), [None, None, 0])])
def test_what_is_summed_over_is_gone_or_of_size_one(shape, left):
    summed = after(mixing_ops.reduced, "aten.mean", shape, dim=(-1,))
    assert whole(summed) == {1}
    assert [summed.axis_of(place) for place in range(len(shape))] == left


def test_a_reduction_without_dimensions_reads_everything():
    assert whole(after(mixing_ops.reduced, "aten.sum", ())) == {0, 1}


def test_rows_of_a_product_keep_their_positions():
    op = Op("aten.bmm.default", {"self": Tensor((2, 6, 8)), "mat2": Tensor((2, 8, 5))}, (Tensor((2, 6, 5)),))
    multiplied = mixing_ops.product(op, {"self": TOKENS})
    assert [multiplied.axis_of(place) for place in range(3)] == [None, 0, None]
    assert whole(multiplied) == set()


def test_columns_of_a_product_keep_theirs_and_what_it_sums_over_is_mixed():
    op = Op("aten.bmm.default", {"self": Tensor((2, 5, 6)), "mat2": Tensor((2, 6, 8))}, (Tensor((2, 5, 8)),))
    assert whole(mixing_ops.product(op, {"mat2": TOKENS})) == {0}


def test_each_query_reads_all_keys_and_values():
    names = ("query", "key", "value")
    op = Op("aten.scaled_dot_product_attention.default", dict.fromkeys(names, Tensor((2, 6, 8))), (Tensor((2, 6, 8)),))
    attended = mixing_ops.attention(op, dict.fromkeys(names, TOKENS))
    assert whole(attended) == {0}
    assert attended.axis_of(1) == 0
    assert whole(mixing_ops.attention(op, {"query": TOKENS})) == set()
