"""Labels of channels are moved as operators move the elements, and mixed where channels meet."""

import numpy as np
import pytest

from analyzer.dataflow.channels.group_labels import MIXED, NOTHING, added, moved
from analyzer.values.graph import Op, Tensor

SHAPE = (1, 4, 3, 3)


def labelled(*values):
    return np.array(values).reshape(1, -1, 1, 1)


LABELS = labelled(0, 0, 1, 1)


def after(packet, shape, *labels, outputs=1, before=SHAPE, **arguments):
    op = Op(f"{packet}.default", {"self": Tensor(before), **arguments}, (Tensor(shape),) * outputs)
    return [one.ravel().tolist() for one in moved(op, labels or (LABELS,)) if one is not None]


@pytest.mark.parametrize(
    ("packet", "shape", "arguments", "expected"),
    [
        ("aten.avg_pool2d", SHAPE, {}, [0, 0, 1, 1]),
        ("aten.channel_shuffle", SHAPE, {"groups": 2}, [0, 1, 0, 1]),
        ("aten.permute", (1, 3, 3, 4), {"dims": (0, 2, 3, 1)}, [0, 0, 1, 1]),
        ("aten.view", (1, 2, 2, 3, 3), {}, [0, 0, 1, 1]),
        ("aten.slice", (1, 2, 3, 3), {"dim": 1, "start": 1, "end": 3, "step": 1}, [0, 1]),
        ("aten.select", (1, 3, 3), {"dim": 1, "index": 2}, [1]),
        ("aten.constant_pad_nd", (1, 6, 3, 3), {"pad": (0, 0, 0, 0, 1, 1)}, [NOTHING, 0, 0, 1, 1, NOTHING]),
        ("aten.mean", (1, 4, 1, 1), {"dim": (2, 3), "keepdim": True}, [0, 0, 1, 1]),
    ],
)
def test_labels_go_where_the_channels_go(packet, shape, arguments, expected):
    assert after(packet, shape, **arguments) == [expected]


def test_each_part_has_its_own():
    assert after("aten.split", (1, 2, 3, 3), dim=1, outputs=2) == [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("packet", "arguments"), [("aten.mean", {"dim": (1,), "keepdim": True}), ("aten.cumsum", {"dim": 1})]
)
def test_what_reads_across_channels_or_is_not_known_has_none(packet, arguments):
    assert after(packet, (1, 1, 3, 3), **arguments) == []


def test_concatenation_mixes_what_comes_without_labels():
    op = Op("aten.cat.default", {"tensors": (Tensor(SHAPE), Tensor((1, 2, 3, 3))), "dim": 1}, (Tensor((1, 6, 3, 3)),))
    (joined,) = moved(op, (LABELS, None))
    assert joined.ravel().tolist() == [0, 0, 1, 1, MIXED, MIXED]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (labelled(0, 0, 1, 1), [0, 0, 1, 1]),
        (labelled(0, 1, 1, 0), [0, MIXED, 1, MIXED]),
        (labelled(NOTHING, 0, 1, NOTHING), [0, 0, 1, 1]),
    ],
)
def test_elementwise_work_keeps_labels_that_agree(other, expected):
    op = Op("aten.add.Tensor", {"self": Tensor(SHAPE), "other": Tensor(SHAPE)}, (Tensor(SHAPE),))
    (result,) = added(op, (LABELS, other))
    assert result.ravel().tolist() == expected
    assert added(op, (LABELS, None)) == ()
