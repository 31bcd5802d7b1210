"""How much of a dense weight a chain of smaller convolutions of a given rank could keep."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod

import numpy as np
import torch
from torch import Tensor

EXACT_SIDE = 384
"""Up to this many rows or columns the spectrum is computed, beyond it is estimated."""
LEADING = 24
PROBES = 16
"""Of a matrix with EXACT_SIDE rows; a longer one averages over more values by itself."""
FEWEST_PROBES = 2
STEPS = 8
NOISE_SIDE = 64
"""Channels of the noise that stands for wider layers of the same proportions."""


def matrix(weight: Tensor, first_axes: tuple[bool, ...]) -> Tensor:
    """(Cin · taps of the first convolution, Cout · taps of the second), of a weight (Cout, Cin, *kernel)."""
    axes = range(2, weight.dim())
    first = [axis for axis, is_first in zip(axes, first_axes, strict=True) if is_first]
    second = [axis for axis, is_first in zip(axes, first_axes, strict=True) if not is_first]
    rows = prod(weight.shape[axis] for axis in (1, *first))
    return weight.detach().to("cpu", torch.float32).permute(1, *first, 0, *second).reshape(rows, -1)


@dataclass(frozen=True, slots=True, eq=False)
class SingularValues:
    """Squared singular values of a matrix, those that stand out first, and of how many each one is the mean."""

    squares: Tensor
    counts: Tensor

    def kept(self, rank: int) -> float:
        """Share of the matrix's energy in its `rank` largest singular values (Eckart-Young)."""
        taken = (self.counts - (self.counts.cumsum(0) - rank).clamp_min(0)).clamp_min(0)
        return float((taken * self.squares).sum() / (self.counts * self.squares).sum())


def spectrum(values: Tensor) -> SingularValues:
    """Of a matrix; right to about two points of the energy where both sides are long."""
    short = values if values.shape[0] <= values.shape[1] else values.T
    if len(short) > EXACT_SIDE:
        return _estimated(short)
    squares = torch.linalg.eigvalsh(short @ short.T).clamp_min(0).double().flip(0)
    return SingularValues(squares, torch.ones_like(squares))


def noise_at_rank(rows: int, columns: int, rank: int) -> float:
    """The same for a matrix of i.i.d. noise, from the Marchenko-Pastur law: what its top `rank` of all values hold."""
    short, long = sorted((rows, columns))
    ratio = short / long
    angle = np.linspace(0, np.pi, 4002)[1:-1]
    squares = 1 + ratio + 2 * np.sqrt(ratio) * np.cos(angle)  # from the upper edge down
    density = np.sin(angle) ** 2 / squares
    reached = np.cumsum(density) <= density.sum() * min(rank / short, 1)
    return float((density * squares)[reached].sum() / (density * squares).sum())


Bases = tuple[Tensor, Tensor]
"""Directions of the input channels (Cin, Cin) and of the output channels (Cout, Cout), the leading ones last."""


def channel_bases(weight: Tensor) -> Bases:
    """Of a weight (Cout, Cin, *kernel): singular vectors of its two unfoldings (higher-order SVD)."""
    taps = weight.detach().to("cpu", torch.float32).flatten(2)
    inputs, outputs = (rows @ rows.T for rows in (taps.transpose(0, 1).flatten(1), taps.flatten(1)))
    return torch.linalg.eigh(inputs).eigenvectors, torch.linalg.eigh(outputs).eigenvectors


def kept_by_tucker(weight: Tensor, bases: Bases, input_rank: int, output_rank: int) -> float:
    """Share of the energy in the leading input and output channel directions (Tucker-2)."""
    taps = weight.detach().to("cpu", torch.float32).flatten(2)
    inputs, outputs = bases[0][:, -input_rank:], bases[1][:, -output_rank:]
    core = torch.einsum("oit,ir,os->srt", taps, inputs, outputs)
    return float(core.double().square().sum() / taps.double().square().sum())


@cache
def noise_by_tucker(shape: tuple[int, ...], input_rank: int, output_rank: int) -> float:
    """The same for Gaussian noise of a shape (Cout, Cin, *kernel), made narrower in proportion where it is wide."""
    factor = max(1.0, min(shape[:2]) / NOISE_SIDE)
    scaled = [max(1, round(size / factor)) for size in (*shape[:2], output_rank, input_rank)]
    noise = torch.randn(scaled[0], scaled[1], prod(shape[2:]), generator=torch.Generator().manual_seed(0))
    return kept_by_tucker(noise, channel_bases(noise), scaled[3], scaled[2])


def _estimated(short: Tensor) -> SingularValues:
    """The leading directions by subspace iteration, the many behind them by stochastic Lanczos quadrature.

    Quadrature alone (Ubaru, Chen and Saad 2017) would misjudge a few that stand out.
    """
    leading = _leading(short)
    image = leading.T @ short
    first = torch.linalg.eigvalsh(image @ image.T).clamp_min(0).double().flip(0)
    points, mass = _quadrature(short, leading, image)
    order = points.argsort(descending=True)
    points, mass = points[order].clamp_min(0), mass[order]
    left = (short.square().sum().double() - first.sum()).clamp_min(0)
    rest = points * left / (len(short) * mass * points).sum().clamp_min(1e-30)
    return SingularValues(torch.cat((first, rest)), torch.cat((torch.ones_like(first), len(short) * mass)))


def _leading(short: Tensor) -> Tensor:
    """(rows, LEADING), orthonormal."""
    found = torch.randn(len(short), LEADING, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        found = torch.linalg.qr(short @ (short.T @ found)).Q
    return found


def _quadrature(short: Tensor, leading: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Points and weights that stand for the eigenvalues of A Aᵀ without its leading directions.

    Lanczos from several random vectors at once, in double precision where it is small.
    """
    probes = max(FEWEST_PROBES, min(PROBES, PROBES * EXACT_SIDE // len(short)))
    random = torch.randn(len(short), probes, generator=torch.Generator().manual_seed(0))
    vectors = [random / random.norm(dim=0)]
    diagonal, beside = [], []
    for _ in range(STEPS):
        below = short.T @ vectors[-1] - image.T @ (leading.T @ vectors[-1])
        found = short @ below - leading @ (image @ below)
        diagonal.append((found * vectors[-1]).sum(0))
        for earlier in (*vectors, *vectors):  # twice: once leaves rounding errors that grow
            found = found - earlier * (earlier * found).sum(0)
        beside.append(found.norm(dim=0))
        vectors.append(found / beside[-1].clamp_min(1e-20))
    small, off = torch.diag_embed(torch.stack(diagonal, 1)), torch.stack(beside[:-1], 1)
    points, bases = torch.linalg.eigh((small + torch.diag_embed(off, 1) + torch.diag_embed(off, -1)).double())
    return points.flatten(), bases[:, 0].square().flatten() / probes
