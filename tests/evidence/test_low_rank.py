"""Chains of smaller convolutions: planted ranks are exact, noise follows the Marchenko-Pastur law."""

import pytest
import torch
from torch import Tensor

from analyzer.evidence.low_rank import (
    EXACT_SIDE,
    channel_bases,
    kept_by_tucker,
    matrix,
    noise_at_rank,
    noise_by_tucker,
    spectrum,
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def of_rank(rank: int, rows: int, columns: int) -> Tensor:
    return normal(rows, rank) @ normal(rank, columns, seed=1)


def test_spatial_split_is_exact_at_its_rank() -> None:
    """W[o, i, y, x] = Σ_r first[r, i, y] · second[o, r, x]."""
    weight = torch.einsum("riy,orx->oiyx", normal(6, 10, 3), normal(20, 6, 5, seed=1))
    values = matrix(weight, (True, False))
    assert values.shape == (10 * 3, 20 * 5)
    assert spectrum(values).kept(6) == pytest.approx(1, abs=1e-5)
    assert spectrum(values).kept(5) < 0.99
    assert spectrum(matrix(weight, (False, True))).kept(6) < 0.9


def test_channel_split_is_exact_at_its_rank() -> None:
    """W[o, i, y, x] = Σ_r first[r, i] · second[o, r, y, x]."""
    weight = torch.einsum("ri,oryx->oiyx", normal(4, 10), normal(20, 4, 3, 3, seed=1))
    values = matrix(weight, (False, False))
    assert values.shape == (10, 20 * 9)
    assert spectrum(values).kept(4) == pytest.approx(1, abs=1e-5)
    assert spectrum(values).kept(10) == pytest.approx(1, abs=1e-9)


def test_tucker_is_exact_at_its_ranks() -> None:
    """W[o, i, t] = Σ_s Σ_r outputs[o, s] · core[s, r, t] · inputs[r, i]."""
    weight = torch.einsum("os,srt,ri->oit", normal(20, 5), normal(5, 4, 9, seed=1), normal(4, 10, seed=2))
    assert kept_by_tucker(weight, channel_bases(weight), 4, 5) == pytest.approx(1, abs=1e-5)
    assert kept_by_tucker(weight, channel_bases(weight), 3, 5) < 0.99
    assert kept_by_tucker(weight, channel_bases(weight), 4, 4) < 0.99


@pytest.mark.parametrize("rank", [1, 8, 24, 60, 96])
def test_noise_of_a_matrix(rank: int) -> None:
    """The finite matrix comes within a point of the limit law."""
    assert spectrum(normal(96, 192)).kept(rank) == pytest.approx(noise_at_rank(96, 192, rank), abs=0.01)
    assert noise_at_rank(96, 192, rank) == noise_at_rank(192, 96, rank)


def test_noise_keeps_everything_at_full_rank() -> None:
    assert noise_at_rank(64, 64, 64) == pytest.approx(1, abs=1e-6)
    assert noise_at_rank(64, 64, 100) == pytest.approx(1, abs=1e-6)


WIDE = {
    "noise": normal(400, 500),
    "noise over rank 60": normal(400, 500) + of_rank(60, 400, 500) * 0.3,
    "slow decay": normal(400, 500) @ torch.diag(torch.arange(1, 501.0) ** -0.3),
    "fast decay": normal(400, 500) @ torch.diag(torch.arange(1, 501.0) ** -0.8),
    "one that stands out": normal(400, 500) + 2,
}


@pytest.mark.parametrize("kind", WIDE)
def test_wide_matrices_are_estimated_to_two_points(kind: str) -> None:
    values = WIDE[kind]
    assert min(values.shape) > EXACT_SIDE
    squares = torch.linalg.eigvalsh(values @ values.T).flip(0)
    for rank in (1, 8, 30, 60, 130, 200):
        assert spectrum(values).kept(rank) == pytest.approx(float(squares[:rank].sum() / squares.sum()), abs=0.02)


@pytest.mark.parametrize("rank", [1, 10, 60])
def test_a_wide_matrix_of_low_rank_is_estimated_as_such(rank: int) -> None:
    assert spectrum(of_rank(rank, 400, 500)).kept(rank) == pytest.approx(1, abs=0.01)


def test_noise_by_tucker_scales_with_the_layer() -> None:
    narrow, wide = noise_by_tucker((64, 32, 3, 3), 16, 32), noise_by_tucker((256, 128, 3, 3), 64, 128)
    assert narrow == pytest.approx(wide, abs=0.02)
    weight = normal(64, 32, 3, 3, seed=7)
    assert kept_by_tucker(weight, channel_bases(weight), 16, 32) == pytest.approx(narrow, abs=0.02)
