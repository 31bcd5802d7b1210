"""Operators that move elements about: dimensions follow their axes, and nothing more is read."""

import pytest

from analyzer.dataflow.receptive_field import view_ops
from analyzer.dataflow.receptive_field.axes import Axes, Factor, Reach
from analyzer.dataflow.receptive_field.window import IDENTITY
from analyzer.values.graph import Op, Tensor

SHAPE = (1, 4, 6, 8)
IMAGE = Axes(
    ((Factor(None, 1),), (Factor(None, 4),), (Factor(0, 6),), (Factor(1, 8),)), dict.fromkeys((0, 1), Reach(IDENTITY))
)


def after(handler, shape, packet="aten.op", subject="self", **arguments):
    op = Op(f"{packet}.default", {subject: Tensor(SHAPE), **arguments}, (Tensor(shape),))
    return handler(op, {subject: IMAGE})


def followed(axes):
    """The axis that each dimension follows."""
    return [axes.axis_of(place) for place in range(len(axes.dimensions))]


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        (after(view_ops.permute, (1, 6, 8, 4), "aten.permute", dims=(0, 2, 3, 1)), [None, 0, 1, None]),
        (after(view_ops.take, (1, 6, 8), "aten.select", dim=1, index=0), [None, 0, 1]),
        (after(view_ops.expand, (3, 1, 4, 6, 8), size=(3, 1, 4, 6, 8)), [None, None, None, 0, 1]),
        (after(view_ops.view, (1, 2, 2, 6, 8)), [None, None, None, 0, 1]),
        (after(view_ops.parts, (1, 2, 6, 8), "aten.split", dim=1), [None, None, 0, 1]),
        (after(view_ops.shuffled, SHAPE, "aten.channel_shuffle", groups=2), [None, None, 0, 1]),
    ],
)
def test_space_goes_where_its_dimensions_go(axes, expected):
    assert followed(axes) == expected
    assert not any(reach.whole for reach in axes.reach.values())


def test_a_part_of_an_axis_may_lie_anywhere_on_it():
    part = after(view_ops.parts, (1, 4, 3, 8), "aten.split", dim=2)
    assert (part.reach[0].whole, part.reach[1].whole) == (True, False)


def test_chosen_places_are_not_known_along_their_dimension_only():
    chosen = after(view_ops.indexed, (1, 4, 6, 3), "aten.index_select", dim=3, index=Tensor((3,), "int64"))
    assert (chosen.reach[0].whole, chosen.reach[1].whole) == (False, True)


def tensors(handler, shape, dim):
    op = Op("aten.cat.default", {"tensors": (Tensor(SHAPE), Tensor(SHAPE)), "dim": dim}, (Tensor(shape),))
    return handler(op, {"tensors.0": IMAGE, "tensors.1": IMAGE})


def test_concatenated_channels_keep_space():
    assert followed(tensors(view_ops.joined, (1, 8, 6, 8), 1)) == [None, None, 0, 1]


def test_concatenation_along_an_axis_loses_its_positions():
    assert followed(tensors(view_ops.joined, (1, 4, 12, 8), 2)) == [None, None, None, 1]


def test_stacked_tensors_get_a_dimension_of_their_own():
    assert followed(tensors(view_ops.stacked, (1, 2, 4, 6, 8), 1)) == [None, None, None, 0, 1]


def test_an_embedding_has_a_vector_at_every_position():
    tokens = Axes(((Factor(None, 1),), (Factor(0, 7),)), {0: Reach(IDENTITY)})
    op = Op("aten.embedding.default", {"indices": Tensor((1, 7), "int64")}, (Tensor((1, 7, 16)),))
    assert followed(view_ops.looked_up(op, {"indices": tokens})) == [None, 0, None]
