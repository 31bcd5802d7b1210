import pytest

from analyzer.formats.wording.numbers import (
    apart,
    change,
    count,
    exact,
    growth,
    plural,
    ratio,
    shape,
    shapes,
    share,
    size,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (9_408, "9.41 k"),
        (1_004, "1.00 k"),
        (1_005, "1.01 k"),
        (999_994, "999.99 k"),
        (999_995, "1.00 M"),
        (25_557_032, "25.56 M"),
        (4_089_184_256, "4.09 G"),
        (405_853_388_800, "405.85 G"),
        (10**21, "1000.00 E"),
        (-1_500, "-1.50 k"),
    ],
)
def test_counts_round_half_up_and_move_to_the_next_unit_when_rounding_reaches_it(value, text):
    assert count(value) == text


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (102_228_128, "97.5 MiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1024**2 - 52 * 1024, "972.0 KiB"),
        (7 * 1024**3, "7.0 GiB"),
    ],
)
def test_sizes_are_in_units_of_1024(nbytes, text):
    assert size(nbytes) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (None, 10, "unknown"),
        (1, None, "unknown"),
        (0, 0, "unknown"),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 8, "12.5 %"),
        (2_359_296, 25_557_032, "9.2 %"),
        (1, 1_000_000, "<0.1 %"),
        (999_999, 1_000_000, ">99.9 %"),
        (5, 10_000, "0.1 %"),
        (4, 10_000, "<0.1 %"),
    ],
)
def test_only_nothing_is_0_percent_and_only_all_is_100_percent(part, whole, text):
    assert share(part, whole) == text


@pytest.mark.parametrize(
    ("value", "base", "text"),
    [
        (None, 1, "unknown"),
        (1, None, "unknown"),
        (1, 0, "unknown"),
        (7, 7, "1.00×"),
        (3_504_872, 25_557_032, "0.14×"),
        (25_557_032, 3_504_872, "7.29×"),
        (1, 1_000, "<0.01×"),
        (0, 5, "0.00×"),
    ],
)
def test_ratios(value, base, text):
    assert ratio(value, base) == text


def test_exact_keeps_every_digit_beyond_what_a_float_holds():
    assert exact(2**63 + 1) == "9,223,372,036,854,775,809"
    assert exact(None) == "unknown"


def test_shapes_are_cut_after_two():
    assert shape((1, 3, 224, 224)) == "1×3×224×224"
    assert shape(()) == "scalar"
    assert shapes(((1, 2), (3,))) == "1×2, 3"
    assert shapes(((1,), (2,), (3,), (4,))) == "1, 2, +2"
    assert shapes(()) == ""


def test_one_is_singular():
    assert [plural(number, "layer") for number in (0, 1, 1234)] == ["0 layers", "1 layer", "1,234 layers"]


@pytest.mark.parametrize(("difference", "text"), [(0, "0"), (1, "+1"), (-1234, "-1,234"), (612_352, "+612,352")])
def test_a_change_has_its_sign_and_all_digits(difference, text):
    assert change(difference) == text


def test_a_change_of_bytes_is_in_their_units():
    assert change(3 * 2**20, size) == "+3.0 MiB"
    assert change(-512, size) == "-512 B"


@pytest.mark.parametrize(
    ("value", "base", "text"),
    [
        (None, 5, ""),
        (5, None, ""),
        (5, 5, "0"),
        (0, 0, "0"),
        (3, 0, "+3"),
        (0, 8, "-8 (-100 %)"),
        (9, 8, "+1 (+12.5 %)"),
        (24, 8, "+16 (+200.0 %)"),
        (1_000_001, 1_000_000, "+1"),
    ],
)
def test_growth_is_the_change_and_its_part_of_the_base(value, base, text):
    assert growth(value, base) == text


@pytest.mark.parametrize(
    ("value", "other", "text", "expected"),
    [
        (10_714, 10_000, count, ("10.71 k", "10.00 k")),
        (10_001, 10_000, count, ("10,001", "10,000")),
        (10_000, 10_000, count, ("10.00 k", "10.00 k")),
        (2**20 + 1, 2**20, size, ("1,048,577 B", "1,048,576 B")),
    ],
)
def test_different_numbers_never_look_alike(value, other, text, expected):
    assert apart(value, other, text) == expected
