"""The linear algebra of a layer's target: metrics, and the directions that hold most."""

from collections.abc import Callable
from unittest.mock import Mock

import pytest
import torch

from analyzer.fitting.layer_target import Factors, LayerTarget, leading, roots, solved_each

RANDOM = torch.Generator().manual_seed(2)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=RANDOM, dtype=torch.double)


def test_roots_of_a_covariance() -> None:
    stack = normal(3, 6, 6)
    gram = stack @ stack.mT
    root, inverse = roots(gram)
    assert torch.allclose(root @ root, gram)
    assert torch.allclose(root @ inverse, torch.eye(6, dtype=torch.double).expand(3, 6, 6), atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_the_leading_directions_hold_the_largest_singular_values(shape: tuple[int, int]) -> None:
    matrix = normal(*shape)
    vectors = leading(matrix, 2)
    assert torch.allclose(vectors.T @ vectors, torch.eye(2, dtype=torch.double))
    held = float((vectors.T @ matrix).square().sum())
    assert held == pytest.approx(float(torch.linalg.svdvals(matrix)[:2].square().sum()))


def test_a_weight_of_channels_and_taps_and_how_far_factors_are_from_it() -> None:
    averages = Mock(power=torch.tensor([4.0, 1.0]))
    target = LayerTarget(averages, normal(3 * 4, 2), (2, 2), scale=torch.tensor([1.0, 2.0]))
    assert (target.channels, target.taps, target.outputs) == (3, 4, 2)
    # each output counts with the square of its scale: (2 + 4 · 1) / (4 + 4 · 1)
    missing = Factors((), torch.zeros(2), left=torch.tensor([2.0, 1.0]))
    assert target.error(missing) == pytest.approx((2 + 4 * 1) / (4 + 4 * 1))


@pytest.mark.parametrize("shape", [(600,), (3, 600)], ids=["one", "a stack"])
def test_least_squares_of_the_first_unknowns_leave_the_products_as_they_were(shape: tuple[int, ...]) -> None:
    rows = normal(*shape, 700)
    gram, cross = rows @ rows.mT, normal(*shape, 5)
    given, sizes = gram.clone(), (100, 256, 300, 600)
    for size, (solution, kept) in zip(sizes, solved_each(gram, cross, sizes), strict=True):
        expected = torch.linalg.solve(given[..., :size, :size], cross[..., :size, :])
        assert torch.allclose(solution, expected, rtol=1e-3, atol=1e-6)
        assert torch.allclose(kept, (expected * cross[..., :size, :]).sum(-2), rtol=1e-4)
    assert torch.equal(gram, given)


def test_products_that_are_not_of_full_rank_have_the_shortest_solution() -> None:
    few = normal(600, 20)
    gram, wanted = few @ few.T - 1e-3 * torch.eye(600, dtype=torch.double), normal(600, 2)
    given, cross = gram.clone(), gram @ wanted
    ((solution, _),) = solved_each(gram, cross, [600])
    assert torch.equal(gram, given)
    assert torch.allclose(given @ solution, cross, atol=1e-6)


def test_solving_copies_no_products(bytes_taken: Callable[[Callable[[], object]], int]) -> None:
    few = normal(2048, 64)
    gram, cross = few @ few.T + torch.eye(2048, dtype=torch.double), normal(2048, 32)
    assert bytes_taken(lambda: list(solved_each(gram, cross, [1024, 2048]))) < 0.8 * gram.nbytes
