"""How much of a dense weight a chain of smaller convolutions of a given rank could keep."""

from __future__ import annotations

from functools import cache
from math import prod

import numpy as np
import torch
from torch import Tensor

EXACT_SIDE = 384
"""Up to this many rows or columns the spectrum is computed, beyond it is estimated."""
LEADING = 24
PROBES = 16
STEPS = 12
NOISE_SIDE = 64
"""Channels of the noise that stands for wider layers of the same proportions."""


def matrix(weight: Tensor, first_axes: tuple[bool, ...]) -> Tensor:
    """(Cin · taps of the first convolution, Cout · taps of the second), of a weight (Cout, Cin, *kernel)."""
    axes = range(2, weight.dim())
    first = [axis for axis, is_first in zip(axes, first_axes, strict=True) if is_first]
    second = [axis for axis, is_first in zip(axes, first_axes, strict=True) if not is_first]
    rows = prod(weight.shape[axis] for axis in (1, *first))
    return weight.detach().to("cpu", torch.float32).permute(1, *first, 0, *second).reshape(rows, -1)


def kept_at_rank(values: Tensor, rank: int) -> float:
    """Share of a matrix's energy in its `rank` largest singular values (Eckart-Young)."""
    short = values if values.shape[0] <= values.shape[1] else values.T
    if len(short) > EXACT_SIDE:
        return _estimated(short, rank)
    squares = torch.linalg.eigvalsh(short @ short.T).clamp_min(0).double().flip(0)
    return float(squares[:rank].sum() / squares.sum())


def noise_at_rank(rows: int, columns: int, rank: int) -> float:
    """The same for a matrix of i.i.d. noise, from the Marchenko-Pastur law: what its top `rank` of all values hold."""
    short, long = sorted((rows, columns))
    ratio = short / long
    angle = np.linspace(0, np.pi, 4002)[1:-1]
    squares = 1 + ratio + 2 * np.sqrt(ratio) * np.cos(angle)  # from the upper edge down
    density = np.sin(angle) ** 2 / squares
    reached = np.cumsum(density) <= density.sum() * min(rank / short, 1)
    return float((density * squares)[reached].sum() / (density * squares).sum())


def kept_by_tucker(weight: Tensor, input_rank: int, output_rank: int) -> float:
    """Share of the energy in the leading input and output channel directions (higher-order SVD; Tucker-2)."""
    taps = weight.detach().to("cpu", torch.float32).flatten(2)
    by_input, by_output = taps.transpose(0, 1).flatten(1), taps.flatten(1)
    inputs = torch.linalg.eigh(by_input @ by_input.T).eigenvectors[:, -input_rank:]
    outputs = torch.linalg.eigh(by_output @ by_output.T).eigenvectors[:, -output_rank:]
    core = torch.einsum("oit,ir,os->srt", taps, inputs, outputs)
    return float(core.double().square().sum() / taps.double().square().sum())


@cache
def noise_by_tucker(shape: tuple[int, ...], input_rank: int, output_rank: int) -> float:
    """The same for Gaussian noise of a shape (Cout, Cin, *kernel), made narrower in proportion where it is wide."""
    factor = max(1.0, min(shape[:2]) / NOISE_SIDE)
    scaled = [max(1, round(size / factor)) for size in (*shape[:2], output_rank, input_rank)]
    noise = torch.randn(scaled[0], scaled[1], prod(shape[2:]), generator=torch.Generator().manual_seed(0))
    return kept_by_tucker(noise, scaled[3], scaled[2])


def _estimated(short: Tensor, rank: int) -> float:
    """The leading directions by subspace iteration, the many behind them by stochastic Lanczos quadrature.

    Right to about two points. Quadrature alone (Ubaru, Chen and Saad 2017) would misjudge a few that stand out.
    """
    leading = _leading(short)
    image = leading.T @ short
    squares = torch.linalg.eigvalsh(image @ image.T).clamp_min(0).flip(0)
    total, found = float(short.square().sum()), float(squares[:rank].sum())
    left = total - float(squares.sum())
    if rank <= LEADING or left < 1e-5 * total:
        return found / total
    return (found + left * _share_of_top(short - leading @ image, rank - LEADING)) / total


def _leading(short: Tensor) -> Tensor:
    """(rows, LEADING), orthonormal."""
    found = torch.randn(len(short), LEADING, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        found = torch.linalg.qr(short @ (short.T @ found)).Q
    return found


def _share_of_top(short: Tensor, rank: int) -> float:
    squares, mass = _spectrum(short)
    order = squares.argsort(descending=True)
    squares, mass = squares[order].clamp_min(0), mass[order]
    share = rank / len(short)
    taken = (mass - (mass.cumsum(0) - share).clamp_min(0)).clamp_min(0)
    return float((taken * squares).sum() / (mass * squares).sum())


def _spectrum(short: Tensor) -> tuple[Tensor, Tensor]:
    """Points and weights that stand for the eigenvalues of A Aᵀ: Lanczos from several random vectors at once."""
    random = torch.randn(len(short), PROBES, generator=torch.Generator().manual_seed(0))
    vectors = [random / random.norm(dim=0)]
    diagonal, beside = [], []
    for _ in range(STEPS):
        image = short @ (short.T @ vectors[-1])
        diagonal.append((image * vectors[-1]).sum(0))
        for earlier in (*vectors, *vectors):  # twice: once leaves rounding errors that grow
            image = image - earlier * (earlier * image).sum(0)
        beside.append(image.norm(dim=0))
        vectors.append(image / beside[-1].clamp_min(1e-20))
    small = torch.diag_embed(torch.stack(diagonal, 1))
    off = torch.stack(beside[:-1], 1)
    points, bases = torch.linalg.eigh((small + torch.diag_embed(off, 1) + torch.diag_embed(off, -1)).double())
    return points.flatten(), bases[:, 0].square().flatten() / PROBES
