"""Sums of tap offsets: which positions a chain of dilated layers reads."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.values.convolution import Convolution
from analyzer.values.taps import POINT, Offsets, reached, share_read, taps, taps_along

# rates of 3-tap layers, field, holes
CHAINS = [
    ((1, 2, 5), 17, 0),
    ((1, 2, 9), 25, 4),
    ((1, 2, 3), 13, 0),
    ((2, 4, 8), 29, 14),
    ((2, 2, 2), 13, 6),
    ((1, 2, 4), 15, 0),
    ((1, 2, 4, 8), 31, 0),
    ((1, 3, 9), 27, 0),
    ((2, 4, 6), 25, 12),
    ((1, 4, 8), 27, 6),
    ((1, 6, 12, 18), 75, 36),
]


@pytest.mark.parametrize(("rates", "field", "holes"), CHAINS)
def test_chains(rates, field, holes):
    for order in (rates, rates[::-1]):
        offsets = reached(taps(3, rate) for rate in order)
        assert (offsets.low, offsets.field, offsets.holes) == (0, field, holes)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(0, 4)), min_size=1, max_size=5))
def test_sums_are_those_of_sets(layers):
    expected = {0}
    for kernel, rate, padding in layers:
        expected = {place + rate * tap - padding for place in expected for tap in range(kernel)}
    offsets = reached(taps(*numbers) for numbers in layers)
    assert offsets.low == min(expected)
    assert {offsets.low + bit for bit in range(offsets.field) if offsets.bits >> bit & 1} == expected


def test_unions_keep_their_places():
    assert Offsets(-3, 0b101) | Offsets(0, 0b1) == Offsets(-3, 0b1101)
    assert (Offsets(-3, 0b101) | Offsets(-2, 0b1)).covers(Offsets(-2, 0b1))
    assert not Offsets(-3, 0b101).covers(Offsets(-2, 0b1))


def test_one_position_reads_itself():
    assert reached([]) == reached([taps(1, 7)]) == POINT
    assert POINT.holes == 0


def test_tap_t_reads_at_d_t_minus_p():
    assert list(taps(3, 2, 4)) == [2 * t - 4 for t in range(3)]
    wide = Convolution(1, 1, (3, 1), (2, 1), (4, 0), (2, 5))
    assert [list(taps_along(wide, axis)) for axis in (0, 1)] == [[-4, -2, 0], [0]]
    assert Offsets.of(taps(3, 2, 4)) == Offsets(-4, 0b10101)


# Kernel, stride, dilation; share of the inputs along one axis.
SHARES = [
    (3, 1, 5, Fraction(1)),
    (1, 2, 1, Fraction(1, 2)),
    (3, 2, 2, Fraction(1, 2)),
    (3, 2, 4, Fraction(1, 2)),
    (3, 2, 3, Fraction(1)),
    (3, 4, 5, Fraction(3, 4)),
    (2, 3, 1, Fraction(2, 3)),
]


@pytest.mark.parametrize(("kernel", "stride", "dilation", "share"), SHARES)
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_share_of_inputs_that_is_read(
    kernel: int, stride: int, dilation: int, share: Fraction, dimension: int
) -> None:
    one = Convolution(1, 1, *((value,) * dimension for value in (kernel, stride, 0, dilation)))
    assert share_read(one) == share**dimension
