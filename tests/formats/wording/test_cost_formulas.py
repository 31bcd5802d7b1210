"""Formulas are short and factored."""

from fractions import Fraction

import pytest

from analyzer.formats.wording import cost_formulas
from analyzer.values.scaling import Dimension, FixedSize, Polynomial, RangeEnd, Scaling


@pytest.mark.parametrize(
    ("coefficients", "text"),
    [
        ({}, "0"),
        ({(0, 0): 5}, "5"),
        ({(1, 0): 1}, "B"),
        ({(1, 2): 3}, "3·B·S²"),
        ({(1, 2): 4128768, (1, 1): 8257536}, "4,128,768·B·S·(S + 2)"),
        ({(1, 1): 2, (0, 0): -3}, "2·B·S - 3"),
        ({(1, 1): 6, (0, 1): -9, (0, 0): 3}, "3·(2·B·S - 3·S + 1)"),
        ({(2, 0): Fraction(1, 2), (1, 0): Fraction(1, 2)}, "B·(B + 1)/2"),
    ],
)
def test_formulas(coefficients: dict[tuple[int, ...], int], text: str) -> None:
    assert cost_formulas.formula(Polynomial.of(coefficients), "BS") == text


def test_what_is_no_polynomial_is_said() -> None:
    assert cost_formulas.formula(None, "B") == "no polynomial"


def test_sizes_are_upper_case_and_counts_of_periods_lower_case() -> None:
    dimensions = [Dimension("batch", 1), Dimension("height", 64, 32), Dimension("ROWS", 3), Dimension("a.sequence", 2)]
    assert cost_formulas.symbols(dimensions) == ["B", "h", "ROWS", "a_sequence"]


def test_names_of_the_users_are_kept() -> None:
    dimensions = [Dimension("BATCH", 1), Dimension("H", 64, 32), Dimension("h", 64, 32), Dimension("WIDTH", 64, 32)]
    assert cost_formulas.symbols(dimensions) == ["BATCH", "h", "k_h", "width"]


def test_lattices() -> None:
    assert cost_formulas.lattice(Dimension("N", 1, least=1, most=9), "N") == "N from 1 to 9"
    together = Dimension("height", 64, 32, 0, 32, 64, tied=("width",))
    assert cost_formulas.lattice(together, "h") == "height = width = 32·h from 32 to 64"
    height = Dimension("height", 75, 32, 11, 75, 8171)
    assert cost_formulas.lattice(height, "h") == "height = 11 + 32·h from 75 to 8,171"
    assert cost_formulas.lattice(Dimension("batch", 1, least=1, most=9), "B") == "batch = B from 1 to 9"


def test_the_peak_is_one_of_a_few() -> None:
    several = [Polynomial.of({(power,): 1}) for power in range(6)]
    assert cost_formulas.peak(several[2:3], "S") == "S²"
    assert cost_formulas.peak(several[:2], "S") == "the largest of 1, S"
    assert cost_formulas.peak(several, "S").endswith("S³, 2 more")


def test_what_is_found_beside_the_formulas_is_said() -> None:
    empty = (Polynomial(),) * 3
    inner = Scaling((), *empty, (), (), (), fixed=(FixedSize("batch", 1, "x"),))
    fixed, ends = (FixedSize("width", 224, "of its table"),), (RangeEnd("batch", "of a branch"),)
    found = Scaling((), *empty, (), (), (), fixed, ends, "memory is shared", at_example=inner)
    assert list(cost_formulas.remarks(found)) == [
        "Width stays 224: of its table",
        "The range of batch ends: of a branch",
        "Peak memory has no formula: memory is shared",
        "With batch=1, as in the example, other formulas hold, with these in the JSON report.",
    ]
