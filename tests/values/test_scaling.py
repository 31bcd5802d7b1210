"""Polynomials compute exactly, and sizes lead to points of the lattice."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.values.errors import Problem
from analyzer.values.scaling import Dimension, FixedSize, Polynomial, Scaling

COEFFICIENTS = st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.integers(-9, 9))
WHOLE = st.integers(-50, 50)


@given(COEFFICIENTS, COEFFICIENTS, WHOLE, WHOLE)
def test_sums_and_products_are_those_of_the_values(
    one: dict[tuple[int, ...], int], two: dict[tuple[int, ...], int], x: int, y: int
) -> None:
    left, right = Polynomial.of(one), Polynomial.of(two)
    assert (left + right).at((x, y)) == left.at((x, y)) + right.at((x, y))
    assert (left - right).at((x, y)) == left.at((x, y)) - right.at((x, y))
    assert (left * right).at((x, y)) == left.at((x, y)) * right.at((x, y))
    assert (left * 3).at((x, y)) == 3 * left.at((x, y))


def test_terms_are_ordered_and_share_one_denominator() -> None:
    found = Polynomial.of({(0,): 1, (2,): Fraction(1, 2), (1,): Fraction(1, 3), (3,): 0})
    assert [(term.coefficient, term.powers) for term in found.terms] == [(3, (2,)), (2, (1,)), (6, (0,))]
    assert found.denominator == 6
    assert found.degree(0) == 2


def scaling() -> Scaling:
    batch = Dimension("batch", 1, least=2, most=64)
    height = Dimension("height", 75, period=32, offset=11, least=75, most=331)
    inner = Scaling((height,), *(Polynomial(),) * 3, (), (), (), fixed=(FixedSize("batch", 1, "of a branch"),))
    outer = (FixedSize("width", 75, "of its table"),)
    return Scaling((batch, height), *(Polynomial(),) * 3, (), (), (), fixed=outer, at_example=inner)


def test_sizes_that_are_left_out_are_the_example_s() -> None:
    assert scaling().point({"batch": 4}) == (scaling(), (4, 2))
    assert scaling().point({}) == (scaling().at_example, (2,))
    assert scaling().point({"batch": 1, "height": 107}) == (scaling().at_example, (3,))


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"width": 80}, "width=80: the model fixes it at 75, for of its table"),
        ({"depth": 1}, "depth=1: no input has a size of that name; those that can change are batch, height"),
        ({"height": 80}, "height=80 is off the lattice 11 + 32·k; the formulas hold at 75 and 107"),
        ({"height": 363, "batch": 2}, "height=363 is outside the range of sizes that were checked"),
    ],
)
def test_other_sizes_are_refused(sizes: dict[str, int], said: str) -> None:
    with pytest.raises(Problem) as problem:
        scaling().point(sizes)
    assert said in str(problem.value)
