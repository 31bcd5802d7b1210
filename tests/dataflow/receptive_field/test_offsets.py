"""Sums of tap offsets: which positions a chain of dilated layers reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.dataflow.receptive_field.offsets import POINT, Offsets, tap_offsets

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
    offsets = sum((tap_offsets(3, rate) for rate in rates), POINT)
    assert (offsets.field, offsets.holes) == (field, holes)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(0, 4)), min_size=1, max_size=5))
def test_sums_are_those_of_sets(taps):
    expected = {0}
    for kernel, rate, padding in taps:
        expected = {place + rate * tap - padding for place in expected for tap in range(kernel)}
    offsets = sum((tap_offsets(*numbers) for numbers in taps), POINT)
    assert offsets.low == min(expected)
    assert {offsets.low + bit for bit in range(offsets.field) if offsets.bits >> bit & 1} == expected


def test_unions_keep_their_places():
    assert Offsets(-3, 0b101) | Offsets(0, 0b1) == Offsets(-3, 0b1101)
    assert (Offsets(-3, 0b101) | Offsets(-2, 0b1)).covers(Offsets(-2, 0b1))
    assert not Offsets(-3, 0b101).covers(Offsets(-2, 0b1))
