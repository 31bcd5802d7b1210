"""What a layer should give: averages of what it reads, the linear map that serves best, least squares from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from analyzer.fitting.moments import Averages

TINY = 1e-9
Store = Callable[[Tensor], tuple[Tensor, ...]]
"""From the second factor (terms, out) to the weights of all layers."""


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
        """For a layer with weight (out, in, *kernel): ridge regression towards the weight that it has."""
        start = old.detach().flatten(1).T.double()
        regular = averages.gram.clone()
        regular.diagonal().add_(averages.ridge)
        known = replace(averages, gram=regular)
        best = torch.linalg.solve(regular, averages.cross + averages.ridge * start)
        return cls(known, best, tuple(old.shape[2:]), scale.double())

    def arranged(self, rows: Sequence[int], columns: Sequence[int]) -> LayerTarget:
        """The same with outputs and channels in another order."""
        out, channels = torch.tensor(rows), torch.tensor(columns)
        read = (channels[:, None] * self.taps + torch.arange(self.taps)).flatten()
        known = self.averages
        averages = Averages(
            known.gram[read][:, read],
            known.cross[read][:, out],
            known.power[out],
            known.read[read],
            known.wanted[out],
            known.rows,
        )
        return replace(self, averages=averages, weight=self.weight[read][:, out], scale=self.scale[out])

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

    def solved(self, gram: Tensor, cross: Tensor, mean: Tensor, make: Store) -> Factors:
        """Least squares for the second factor, given averages of what the first one gives."""
        second = solve(gram, cross)
        left = self.power - (second * cross).sum(0)
        return Factors(make(second), mean @ second, left.clamp_min(0) + self.unreached)

    @cached_property
    def unreached(self) -> Tensor:
        """What even the best map misses; nothing where the layer itself gave the wanted outputs."""
        best = 2 * (self.weight * self.averages.cross).sum(0) - self.power
        return (self.averages.power - best).clamp_min(0)


def solve(gram: Tensor, cross: Tensor) -> Tensor:
    """The solution of gram · X = cross, gram positive up to rounding."""
    regular = gram.clone()
    regular.diagonal(dim1=-2, dim2=-1).add_(TINY * regular.diagonal(dim1=-2, dim2=-1).mean() + 1e-30)
    factor, failed = torch.linalg.cholesky_ex(regular)
    inverse = torch.linalg.pinv(regular, hermitian=True) if bool(failed.any()) else None
    solution: Tensor = torch.cholesky_solve(cross, factor) if inverse is None else inverse @ cross
    return solution


def roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Square root and its inverse of (stacks of) symmetric positive matrices."""
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp_min(TINY * values.amax(-1, keepdim=True) + 1e-30)
    root = values.sqrt()[..., None, :]
    return (vectors * root) @ vectors.mT, (vectors / root) @ vectors.mT


def leading(matrix: Tensor, terms: int) -> Tensor:
    """The first left singular vectors of matrices (..., m, n), as (..., m, terms)."""
    vectors: Tensor = torch.linalg.eigh(matrix @ matrix.mT).eigenvectors
    return vectors[..., -terms:]
