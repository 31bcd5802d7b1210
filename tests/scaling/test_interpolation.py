"""Polynomials go through the values they were made of, exactly."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.scaling.interpolation import degree, interpolation


def test_a_fit_of_degree_1_in_each_is_exact_everywhere() -> None:
    def value(x: int, y: int, z: int) -> int:
        return 3 * x * y * z - 2 * x * z + 7 * y + 11

    grid, through = interpolation((4, 9, 1), (1, 1, 1))
    found = through([value(*point) for point in grid])
    assert all(found.at(point) == value(*point) for point in product((0, 2, 50), repeat=3))


def test_without_variables_it_is_a_constant() -> None:
    grid, through = interpolation((), ())
    assert grid == [()]
    assert through([5]).at(()) == 5


@given(st.lists(st.integers(-9, 9), min_size=6, max_size=6), st.integers(-20, 20), st.integers(-20, 20))
def test_a_grid_of_enough_points_tells_the_polynomial(coefficients: list[int], x: int, y: int) -> None:
    def value(x: int, y: int) -> int:
        return sum(c * x**i * y**j for c, (i, j) in zip(coefficients, product(range(2), range(3)), strict=True))

    grid, through = interpolation((3, 5), (1, 2))
    assert through([value(*point) for point in grid]).at((x, y)) == value(x, y)


def test_halves_are_kept() -> None:
    grid, through = interpolation((1,), (2,))
    found = through([x * (x + 1) // 2 for (x,) in grid])
    assert (found.denominator, found.at((100,))) == (2, 5050)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([7, 7, 7], 0), ([0, 0, 0], 0), ([1, 3, 5], 1), ([1, 4, 9, 16], 2), ([1, 2, 4, 8, 16], None), ([1, 2], None)],
)
def test_degrees(values: list[int], expected: int | None) -> None:
    assert degree(values) == expected
