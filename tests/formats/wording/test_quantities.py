"""Estimated quantities in text: never three digits."""

import pytest

from analyzer.formats.wording.quantities import headline, joules, seconds, share_of, span
from analyzer.values.estimates import EnergyEstimate, Estimates, MemoryEstimate, Span, TimeEstimate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0423, "42 ms"),
        (0.0996, "100 ms"),
        (0.00995, "10 ms"),
        (0.994e-3, "990 µs"),
        (0.998e-3, "1 ms"),
        (1.26, "1.3 s"),
        (123.4, "120 s"),
        (0.0, "0 s"),
    ],
)
def test_seconds_have_two_digits(value: float, text: str) -> None:
    assert seconds(value) == text


def test_joules() -> None:
    assert joules(0.0834) == "83 mJ"
    assert joules(2.5e-13) == "0.25 pJ"


def test_a_range_names_a_shared_unit_once() -> None:
    assert span(Span(0.042, 0.066), seconds) == "42 to 66 ms"
    assert span(Span(0.0009, 0.0011), seconds) == "900 µs to 1.1 ms"


def test_a_range_whose_ends_read_alike_is_one_number() -> None:
    assert span(Span(0.0421, 0.0422), seconds) == "42 ms"


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 3, "33 %"), (1, 1000, "<1 %"), (0, 5, "0 %"), (0, 0, "0 %"), (5, 5, "100 %")]
)
def test_shares_have_no_decimals(part: float, whole: float, text: str) -> None:
    assert share_of(part, whole) == text


def test_headline() -> None:
    time = TimeEstimate("this", "", "float32", Span(0.042, 0.066), ())
    memory = MemoryEstimate(11 * 2**20, 0, "", "", 0, (), ())
    energy = EnergyEstimate("float32", 0.02, 0.03, Span(0.005, 0.5), ())
    assert headline(Estimates(time, memory, energy)) == (
        "estimated: 42 to 66 ms on this, 11.0 MiB of activations at the peak, 5 to 500 mJ an inference"
    )
    assert headline(Estimates(time, memory)).endswith("at the peak")
