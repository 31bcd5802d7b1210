"""What a layer should give: averages of what it reads, the linear map that serves best, least squares from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from analyzer.fitting.moments import Averages, mirror, steps

TINY = 1e-9


@dataclass(frozen=True)
class Factors:
    """Weights of the layers in a row, as torch stores them, and how far their output is from the wanted one."""

    weights: tuple[Tensor, ...]
    mean: Tensor
    """What they give on average, (out,)."""
    left: Tensor
    """Mean square of what is missing of the wanted output, (out,)."""


@dataclass(frozen=True)
class LayerTarget:
    """One layer's averages and the weight that serves best, with its channels, taps and what its outputs count for."""

    averages: Averages
    weight: Tensor
    """(in, out): the best linear map of the patches, in = channels · taps."""
    kernel: tuple[int, ...]
    scale: Tensor
    """What a unit of each output counts for, (out,): what a normalization after it makes of it."""

    @classmethod
    def of(cls, averages: Averages, old: Tensor, scale: Tensor) -> LayerTarget:
        """For a layer with weight (out, in, *kernel): ridge regression towards it; it is best for its own outputs."""
        start = old.detach().flatten(1).T.double()
        best = start
        if averages.cross is not None:
            ((best, _),) = solved_each(averages.gram, averages.cross + averages.ridge * start, [len(start)])
        return cls(averages, best, tuple(old.shape[2:]), scale.double())

    @property
    def taps(self) -> int:
        return torch.Size(self.kernel).numel()

    @property
    def channels(self) -> int:
        return len(self.weight) // self.taps

    @property
    def outputs(self) -> int:
        return self.weight.shape[1]

    @cached_property
    def scaled(self) -> Tensor:
        return self.weight * self.scale

    @cached_property
    def response(self) -> Tensor:
        """E[x yᵀ] of the best map, (in, out)."""
        return self.averages.gram @ self.weight

    @cached_property
    def power(self) -> Tensor:
        """Mean square of the best map's outputs, (out,)."""
        return (self.weight * self.response).sum(0)

    def error(self, factors: Factors) -> float:
        """Mean square that is missing, of the whole, both in units of what the outputs count for."""
        squares = self.scale.square()
        return float((factors.left * squares).sum() / (self.averages.power * squares).sum().clamp_min(TINY))

    @cached_property
    def blocks(self) -> Tensor:
        """The averages as (channels, taps, channels, taps)."""
        return self.averages.gram.reshape(self.channels, self.taps, self.channels, self.taps)

    @cached_property
    def channel_metric(self) -> tuple[Tensor, Tensor]:
        """Square root and inverse root of the channels' covariance, averaged over taps."""
        return roots(torch.einsum("ctdt->cd", self.blocks) / self.taps)

    @cached_property
    def tap_metric(self) -> tuple[Tensor, Tensor]:
        return roots(torch.einsum("ctcs->ts", self.blocks) / self.channels)

    def output_basis(self, terms: int) -> Tensor:
        """The first principal components of the scaled outputs, (out, terms)."""
        if self.outputs <= len(self.weight):
            return _largest(self.scaled.T @ self.response * self.scale, terms)
        return leading((torch.linalg.cholesky(self.averages.gram).T @ self.scaled).T, terms)

    def factors(self, weights: tuple[Tensor, ...], mean: Tensor, kept: Tensor) -> Factors:
        """With these weights, what they give on average (out,) and what they keep of the outputs' power (out,)."""
        return Factors(weights, mean, (self.power - kept).clamp_min(0) + self.unreached)

    @cached_property
    def unreached(self) -> Tensor:
        """What even the best map misses; nothing where the layer itself gave the wanted outputs."""
        if self.averages.cross is None:
            return torch.zeros_like(self.power)
        best = 2 * (self.weight * self.averages.cross).sum(0) - self.power
        return (self.averages.power - best).clamp_min(0)


def solved_each(gram: Tensor, cross: Tensor, sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """The solution of gram · X = cross with the first unknowns alone, and diag(Xᵀ · cross), for each number of them.

    gram (..., n, n) is positive up to rounding, cross (..., n, out). The factor of a leading block is the leading block
    of the factor: one decomposition serves all sizes. It is made in the lower half of gram, which is mended at the end.
    """
    kept = [gram[..., own, own].clone() for own, _ in steps(gram.shape[-1])]
    gram.diagonal(dim1=-2, dim2=-1).add_(TINY * gram.diagonal(dim1=-2, dim2=-1).mean() + 1e-30)
    try:
        if _factorise(gram):
            yield from _by_factor(gram, cross, sizes)
            return
    finally:
        _mend(gram, kept)
    for size in sizes:
        solution = torch.linalg.pinv(gram[..., :size, :size], hermitian=True) @ cross[..., :size, :]
        yield solution, (solution * cross[..., :size, :]).sum(-2)


def _factorise(gram: Tensor) -> bool:
    """Put the Cholesky factor in the lower half of (..., n, n), block by block; False where there is none."""
    for own, after in steps(gram.shape[-1]):
        factor, failed = torch.linalg.cholesky_ex(gram[..., own, own])
        if bool(failed.any()):
            return False
        gram[..., own, own] = factor
        below = torch.linalg.solve_triangular(factor.mT, gram[..., after, own], upper=True, left=False)
        gram[..., after, own] = below
        for columns, rest in steps(below.shape[-2]):
            rows = slice(columns.start, rest.stop)
            part = gram[..., after, after][..., rows, columns]
            part -= below[..., rows, :] @ below[..., columns, :].mT
    return True


def _by_factor(factor: Tensor, cross: Tensor, sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """With factor · factorᵀ in the place of gram; what is above the diagonal of (..., n, n) is not read."""
    half = cross.clone()
    for own, after in steps(half.shape[-2]):
        half[..., own, :] = torch.linalg.solve_triangular(factor[..., own, own], half[..., own, :], upper=False)
        half[..., after, :] -= factor[..., after, own] @ half[..., own, :]
    for size in sizes:
        kept = half[..., :size, :].square().sum(-2)
        solution = half[..., :size, :].clone()
        for own, _ in reversed(list(steps(size))):
            corner = factor[..., own, own].mT
            solution[..., own, :] = torch.linalg.solve_triangular(corner, solution[..., own, :], upper=True)
            before = slice(0, own.start)
            solution[..., before, :] -= factor[..., own, before].mT @ solution[..., own, :]
        yield solution, kept


def _mend(gram: Tensor, diagonal: Sequence[Tensor]) -> None:
    """Write over the lower half of (..., n, n) what is in the upper one, with these blocks between them."""
    for (own, _), block in zip(steps(gram.shape[-1]), diagonal, strict=True):
        gram[..., own, own] = block
    mirror(gram)


def roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Square root and its inverse of (stacks of) symmetric positive matrices."""
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp_min(TINY * values.amax(-1, keepdim=True) + 1e-30)
    root = values.sqrt()[..., None, :]
    return (vectors * root) @ vectors.mT, (vectors / root) @ vectors.mT


def leading(matrix: Tensor, terms: int) -> Tensor:
    """The first left singular vectors of matrices (..., m, n), as (..., m, terms), by the smaller of their products."""
    if matrix.shape[-2] <= matrix.shape[-1]:
        return _largest(matrix @ matrix.mT, terms)
    orthonormal: Tensor = torch.linalg.qr(matrix @ _largest(matrix.mT @ matrix, terms)).Q
    return orthonormal


def _largest(matrix: Tensor, terms: int) -> Tensor:
    """Eigenvectors of the largest eigenvalues of symmetric matrices, the largest first."""
    vectors: Tensor = torch.linalg.eigh(matrix).eigenvectors
    return vectors[..., -terms:].flip(-1)
