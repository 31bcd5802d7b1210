"""Windows: how they follow each other, and what stretching does to them."""

from fractions import Fraction

import pytest

from analyzer.dataflow.receptive_field.window import (
    IDENTITY,
    MAX_PHASES,
    Window,
    blocks,
    interpolated,
    nearest,
    shifted,
    smoothed,
    stretched,
    taps,
    transposed,
)


def test_convolutions_follow_the_recurrence():
    # r = 1 + (7 - 1) + (3 - 1) * 2, jump 2 * 2, padding 3 + 1 * 2
    window = taps(3, 2, 1).over(taps(7, 2, 3))
    assert (window.size, window.jump, -window.low[0]) == (11, 4, 5)


def test_identity_changes_nothing():
    for window in (taps(3, 2, 1), stretched(3), nearest(3, 5)):
        assert IDENTITY.over(window) == window
        assert window.over(IDENTITY) == window


def test_striding_undoes_stretching():
    assert shifted(0, 3).over(stretched(3)) == IDENTITY


@pytest.mark.parametrize(
    ("window", "reads"),
    [
        (stretched(2), [(0, 0), (0, 0), (1, 1), (1, 1), (2, 2)]),
        (nearest(2, 3), [(0, 0), (0, 0), (1, 1), (2, 2), (2, 2)]),
        (nearest(4, 2, exact=True), [(1, 1), (3, 3), (5, 5)]),
        (interpolated(1, 2, corners=False), [(-1, 0), (0, 1), (0, 1), (1, 2)]),
        (interpolated(3, 5, corners=True), [(0, 0), (0, 1), (1, 1), (1, 2)]),
        (interpolated(2, 2, corners=False), [(0, 0), (1, 1)]),
        (blocks(6, 3), [(0, 1), (2, 3), (4, 5)]),
        (blocks(5, 3), [(0, 1), (1, 3), (3, 4)]),
        (transposed(4, 2, 1, 1), [(-1, 0), (0, 1), (0, 1), (1, 2)]),
        (transposed(2, 2, 0, 1), [(0, 0), (0, 0), (1, 1)]),
        (transposed(3, 2, 0, 2), [(-2, 0), (0, 0), (-1, 1), (1, 1)]),
        (smoothed(4, 2, 1), [(-1, 2), (1, 4)]),
    ],
)
def test_positions(window, reads):
    assert [(window.low_at(place), window.high_at(place)) for place in range(len(reads))] == reads


@pytest.mark.parametrize(
    ("one", "two", "hull"),
    [
        (taps(3, 1, 1), taps(5, 1, 2), taps(5, 1, 2)),
        (taps(3), taps(3, 1, 2), taps(5, 1, 2)),
        (taps(1, 2), taps(1), None),
        (stretched(2), Window((0,), (0,), 1), None),
    ],
)
def test_hulls(one, two, hull):
    assert one.hull(two) == two.hull(one) == hull


def test_centres():
    assert taps(3, 2, 1).centre == 0
    assert taps(2).centre == Fraction(1, 2)
    assert stretched(2).centre == interpolated(1, 2, corners=False).centre == Fraction(-1, 4)
    assert taps(2, 2).over(IDENTITY).is_centred_like(taps(4, 2, 1))
    assert stretched(2).over(taps(2, 2)).is_centred_like(IDENTITY)


def test_long_patterns_are_not_followed():
    assert stretched(MAX_PHASES).over(IDENTITY) is not None
    assert stretched(MAX_PHASES + 1).over(IDENTITY) is None
    assert stretched(40).over(stretched(40)) is None
    assert len(stretched(10**9).low) == MAX_PHASES + 1


def test_ends_need_no_search_where_reads_only_rise():
    first, last = interpolated(3, 5, corners=False).ends()
    assert (first(2, 4), last(2, 4)) == (1, 3)
    first, last = transposed(3, 2, 0, 2).ends()  # reads -2 to 0, 0, -1 to 1, 1
    assert (first(1, 2), last(0, 1)) == (-1, 0)


def test_the_least_size_is_that_of_the_smallest_phase():
    window = transposed(3, 2, 0, 1)
    assert (window.least_size, window.size) == (1, 2)


def test_another_speed_reads_one_position():
    assert (Window.moving(Fraction(3, 2)).jump, Window.moving(Fraction(3, 2)).size) == (Fraction(3, 2), 1)
