"""Amounts are read exactly, written so that they read back, and refused with what is allowed."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.values import amounts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (5_000_001, 5_000_001),
        (0, 0),
        ("5.0M", 5_000_000),
        ("25M", 25_000_000),
        ("4.1G", 4_100_000_000),
        ("7B", 7_000_000_000),
        ("1.5T", 1_500_000_000_000),
        ("20k", 20_000),
        ("20K", 20_000),
        (" 20 k ", 20_000),
        ("5_000_000", 5_000_000),
        ("12", 12),
        ("0.001k", 1),
        ("406.0G", 406_000_000_000),
        ("4.35M", 4_350_000),
    ],
)
def test_counts(text: object, expected: int) -> None:
    assert amounts.count(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "M",
        "5 Mo",
        "5m",
        "-5",
        -5,
        "5,000",
        "5.5",
        "0.0001k",
        "98MiB",
        "5MB",
        "1e6",
        "٥M",
        5.0,
        True,
        None,
        ["5M"],
        "5.M",
    ],
)
def test_what_is_not_a_count(text: object) -> None:
    with pytest.raises(ValueError, match="plain integer"):
        amounts.count(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (1024, 1024),
        ("98MiB", 98 * 1024 * 1024),
        ("98mib", 98 * 1024 * 1024),
        ("1.5KiB", 1536),
        ("4.1GB", 4_100_000_000),
        ("25M", 25_000_000),
        ("7B", 7),
        ("2 GiB", 2 * 1024**3),
        ("0.5kB", 500),
    ],
)
def test_bytes(text: object, expected: int) -> None:
    assert amounts.nbytes(text) == expected


@pytest.mark.parametrize("text", ["98 miles", "0.3KiB", "2%", "KiB", False])
def test_what_is_not_bytes(text: object) -> None:
    with pytest.raises(ValueError, match="MiB"):
        amounts.nbytes(text)


@pytest.mark.parametrize(("text", "expected"), [("20k", 20_000), ("1MiB", 1024 * 1024), (7, 7)])
def test_amounts_are_either(text: object, expected: int) -> None:
    assert amounts.amount(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2%", Fraction(1, 50)), ("0.5 %", Fraction(1, 200)), ("150%", Fraction(3, 2)), ("0%", Fraction(0))],
)
def test_percentages(text: str, expected: Fraction) -> None:
    assert amounts.percent(text) == expected


@pytest.mark.parametrize("text", ["2", 2, 0.02, "%", "-1%", "2%%", "two%"])
def test_what_is_not_a_percentage(text: object) -> None:
    with pytest.raises(ValueError, match='such as "2%"'):
        amounts.percent(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5_000_000, "5M"), (5_250_000, "5.25M"), (5_250_001, "5250001"), (999, "999"), (0, "0"), (1_000, "1k")],
)
def test_counts_are_written_exactly(value: int, expected: str) -> None:
    assert amounts.written(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(98 * 1024 * 1024, "98MiB"), (1536, "1536"), (100_000_000, "100MB"), (1023, "1023")]
)
def test_bytes_are_written_exactly(value: int, expected: str) -> None:
    assert amounts.written(value, is_bytes=True) == expected


@given(st.integers(0, 10**15))
def test_what_is_written_reads_back(value: int) -> None:
    assert amounts.count(amounts.written(value)) == value
    assert amounts.nbytes(amounts.written(value, is_bytes=True)) == value


@pytest.mark.parametrize(
    ("share", "expected"), [(Fraction(1, 50), "2 %"), (Fraction(1, 200), "0.5 %"), (Fraction(3, 2), "150 %")]
)
def test_shares_as_percentages(share: Fraction, expected: str) -> None:
    assert amounts.percentage(share) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(25_557_032, 27_000_000), (100, 110), (1, 2), (0, 0), (95_238, 100_000), (95_239, 110_000), (20, 21)],
)
def test_headroom_is_five_percent_rounded_up_to_two_digits(value: int, expected: int) -> None:
    assert amounts.headroom(value) == expected


@given(st.integers(1, 10**15))
def test_headroom_is_above_and_near(value: int) -> None:
    assert value * 105 <= amounts.headroom(value) * 100 <= value * 105 * 1.1 + 100
