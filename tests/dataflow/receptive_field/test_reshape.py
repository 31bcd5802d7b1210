"""Views deal elements out in order."""

import pytest

from analyzer.dataflow.receptive_field.axes import Axes, Factor, Reach
from analyzer.dataflow.receptive_field.reshape import groups, viewed
from analyzer.dataflow.receptive_field.window import IDENTITY, taps


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((2, 3), (2, 3), [((0,), (0,)), ((1,), (1,))]),
        ((1, 8, 4), (1, 2, 4, 4), [((0,), (0,)), ((1,), (1, 2)), ((2,), (3,))]),
        ((2, 3, 4), (2, 12), [((0,), (0,)), ((1, 2), (1,))]),
        ((6, 4), (4, 6), [((0, 1), (0, 1))]),
        ((2, 3), (2, 3, 1), [((0,), (0,)), ((1,), (1,)), ((), (2,))]),
        ((), (1,), [((), (0,))]),
    ],
)
def test_groups(old, new, expected):
    assert [(tuple(before), tuple(after)) for before, after in groups(old, new)] == expected


IMAGE = Axes(
    ((Factor(None, 1),), (Factor(None, 4),), (Factor(0, 6),), (Factor(1, 8),)), dict.fromkeys((0, 1), Reach(IDENTITY))
)


def test_tokens_and_back():
    tokens = viewed(IMAGE, (1, 4, 48))
    assert tokens.dimensions[2] == (Factor(0, 6), Factor(1, 8))
    assert viewed(tokens, (1, 4, 6, 8)).dimensions[2:] == ((Factor(0, 6),), (Factor(1, 8),))


def test_cutting_an_axis_reads_whole_pieces_and_putting_it_together_stretches():
    cut = viewed(IMAGE, (1, 4, 3, 2, 8))
    assert cut.dimensions[2:4] == ((Factor(0, 3),), (Factor(None, 2),))
    assert cut.reach[0].window == taps(2, 2)
    whole = viewed(cut, (1, 4, 6, 8)).resolved(2)
    assert (whole.axis_of(2), whole.reach[0].window.size, whole.reach[0].window.jump) == (0, 2, 1)


def test_what_cannot_be_dealt_out_is_global():
    mixed = viewed(IMAGE, (1, 4, 4, 12))
    assert mixed.reach[0].whole
    assert mixed.reach[1].whole
    assert not IMAGE.reach[0].whole
    assert IMAGE.reach[0].window == IDENTITY


def test_an_axis_of_one_position_stays_one_through_views():
    pooled = Axes((*IMAGE.dimensions[:2], (Factor(0, 1),), (Factor(1, 2),)), IMAGE.reach)
    grouped = viewed(pooled, (1, 2, 2, 1, 2))
    assert grouped.dimensions[3:] == ((Factor(0, 1),), (Factor(1, 2),))
    assert viewed(grouped, (1, 4, 1, 2)).dimensions[2:] == pooled.dimensions[2:]


def test_an_axis_of_one_position_takes_the_last_of_more_places_and_is_lost_where_there_are_none():
    pooled = Axes((*IMAGE.dimensions[:2], (Factor(0, 1),), (Factor(1, 1),)), IMAGE.reach)
    assert viewed(pooled, (1, 4, 1, 1, 1)).dimensions[2:] == ((Factor(None, 1),), (Factor(0, 1),), (Factor(1, 1),))
    assert viewed(pooled, (1, 4)).dimensions == IMAGE.dimensions[:2]
    one_group = Axes((*IMAGE.dimensions[:2], (Factor(None, 1),), *pooled.dimensions[2:]), IMAGE.reach)
    assert viewed(one_group, (1, 4, 1, 1)).dimensions == pooled.dimensions
