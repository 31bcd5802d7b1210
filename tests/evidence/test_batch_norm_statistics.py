"""Moments behind a rectified normalization, and layers that were never trained."""

import pytest
import torch
from torch import Tensor, nn

from analyzer.evidence.batch_norm_statistics import NormStatistics, looks_untrained, rectified_moments


def normalization(gamma: list[float], beta: list[float]) -> NormStatistics:
    return NormStatistics(weight=torch.tensor(gamma), bias=torch.tensor(beta))


def statistics_of(norm: nn.BatchNorm2d) -> NormStatistics:
    tracked = int(norm.num_batches_tracked)
    return NormStatistics(norm.running_mean, norm.running_var, norm.weight, norm.bias, tracked)


def integrated(gamma: float, beta: float) -> float:
    """∫ ReLU(β + γ u)² φ(u) du on a fine grid."""
    grid = torch.linspace(-10, 10, 200_001, dtype=torch.float64)
    density = torch.exp(-grid.square() / 2) / (2 * torch.pi) ** 0.5
    return float(torch.trapezoid((beta + gamma * grid).clamp_min(0).square() * density, grid))


@pytest.mark.parametrize(("gamma", "beta"), [(1, 0), (1, 1), (0.5, -1), (2, 3), (-1.5, 0.7), (0.1, 2)])
def test_rectified_moments(gamma: float, beta: float) -> None:
    assert float(rectified_moments(normalization([gamma], [beta]))) == pytest.approx(integrated(gamma, beta), abs=1e-6)


def test_rectified_moments_at_the_ends() -> None:
    half, constant, dead = rectified_moments(normalization([1, 0, 0], [0, 3, -3])).tolist()
    assert half == pytest.approx(1 / 2)
    assert constant == pytest.approx(3**2)
    assert dead == 0


def test_no_moments_without_an_affine_normalization() -> None:
    assert rectified_moments(NormStatistics(torch.zeros(4), torch.ones(4))) is None


def fresh() -> tuple[Tensor, NormStatistics]:
    torch.manual_seed(0)
    return nn.Conv2d(64, 64, 3).weight, statistics_of(nn.BatchNorm2d(64))


def smooth(weight: Tensor) -> Tensor:
    """Kernels that share a shape, as trained ones do."""
    shape = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    return weight + weight.mean((2, 3), keepdim=True) * shape


def test_a_fresh_layer_looks_untrained() -> None:
    assert looks_untrained(*fresh())


def test_a_fresh_layer_of_another_initialization_looks_untrained() -> None:
    weight, norm = fresh()
    assert looks_untrained(nn.init.kaiming_normal_(torch.empty_like(weight)), norm)


def test_structured_weights_do_not_look_untrained() -> None:
    weight, norm = fresh()
    assert not looks_untrained(smooth(weight), norm)


def test_a_used_normalization_does_not_look_untrained() -> None:
    weight, _ = fresh()
    norm = nn.BatchNorm2d(64)
    norm(torch.randn(8, 64, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert not looks_untrained(weight, statistics_of(norm))


@pytest.mark.parametrize(
    "norm",
    [
        None,
        NormStatistics(),
        NormStatistics(torch.zeros(64), torch.ones(64), num_batches_tracked=5),
        NormStatistics(torch.zeros(64), torch.full((64,), 1.3)),
        NormStatistics(torch.full((64,), 0.1), torch.ones(64)),
    ],
    ids=["none", "no statistics", "batches seen", "variance moved", "mean moved"],
)
def test_no_telling_without_a_fresh_normalization(norm: NormStatistics | None) -> None:
    assert not looks_untrained(fresh()[0], norm)
