"""The weights that bring each kind of replacement nearest to the wanted outputs, given what the layer reads.

All kinds are linear in the same patches, so one set of averages serves them all. The first factor comes from a singular
value decomposition in the metric of the inputs (Zhang et al. 2016, "Accelerating Very Deep Convolutional Networks"),
the second from least squares given the first.
"""

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


def of_outputs(target: LayerTarget, rank: int) -> Factors:
    """k×k to the principal components of the outputs, then 1×1 back; exact optimum of reduced-rank regression."""
    response = target.response * target.scale
    basis = torch.linalg.eigh(target.scaled.T @ response).eigenvectors[:, -rank:]
    first, second = target.scaled @ basis, basis.T / target.scale
    kept = target.scaled - first @ basis.T
    left = (kept * (response - response @ basis @ basis.T)).sum(0) / target.scale.square()
    ones = (1,) * len(target.kernel)
    weights = (first.T.reshape(rank, target.channels, *target.kernel), second.T.reshape(-1, rank, *ones))
    return Factors(weights, target.averages.read @ first @ second, left.clamp_min(0) + target.unreached)


def of_inputs(target: LayerTarget, rank: int) -> Factors:
    """1×1 to r channels, then k×k."""
    root, inverse = target.channel_metric
    first = inverse @ leading(root @ target.scaled.reshape(target.channels, -1), rank)
    gram = torch.einsum("cr,ctds,dq->rtqs", first, target.blocks, first).flatten(2).flatten(0, 1)
    cross = torch.einsum("cr,cto->rto", first, target.response.reshape(target.channels, target.taps, -1)).flatten(0, 1)
    mean = torch.einsum("cr,ct->rt", first, target.averages.read.reshape(target.channels, -1)).flatten()
    ones = (1,) * len(target.kernel)
    return target.solved(
        gram,
        cross,
        mean,
        lambda second: (first.T.reshape(rank, -1, *ones), second.T.reshape(-1, rank, *target.kernel)),
    )


def spatial(target: LayerTarget, rank: int) -> Factors:
    """k×1 to r channels, then 1×k."""
    high, wide = target.kernel
    channels, outputs = target.channels, target.outputs
    blocks = target.averages.gram.reshape(channels * high, wide, channels * high, wide)
    root, inverse = roots(torch.einsum("atbt->ab", blocks) / wide)
    first = inverse @ leading(root @ target.scaled.reshape(channels * high, wide * outputs), rank)
    gram = torch.einsum("ar,atbs,bq->rtqs", first, blocks, first).flatten(2).flatten(0, 1)
    cross = torch.einsum("ar,ato->rto", first, target.response.reshape(channels * high, wide, outputs)).flatten(0, 1)
    mean = torch.einsum("ar,at->rt", first, target.averages.read.reshape(channels * high, wide)).flatten()
    return target.solved(
        gram,
        cross,
        mean,
        lambda second: (first.T.reshape(rank, channels, high, 1), second.T.reshape(outputs, rank, 1, wide)),
    )


def depthwise_first(target: LayerTarget, kernels: int) -> Factors:
    """Several spatial kernels for each input channel, then 1×1."""
    channels, taps = target.channels, target.taps
    own = target.blocks.diagonal(dim1=0, dim2=2).permute(2, 0, 1)
    root, inverse = roots(own)
    first = inverse @ leading(root @ target.scaled.reshape(channels, taps, -1), kernels)
    gram = torch.einsum("ctk,ctds,dsl->ckdl", first, target.blocks, first).flatten(2).flatten(0, 1)
    cross = torch.einsum("ctk,cto->cko", first, target.response.reshape(channels, taps, -1)).flatten(0, 1)
    mean = torch.einsum("ctk,ct->ck", first, target.averages.read.reshape(channels, taps)).flatten()
    stored = first.mT.reshape(channels * kernels, 1, *target.kernel)
    ones = (1,) * len(target.kernel)
    return target.solved(gram, cross, mean, lambda second: (stored, second.T.reshape(target.outputs, -1, *ones)))


def pointwise_first(target: LayerTarget, kernels: int) -> Factors:
    """1×1 to several maps for each output, then a spatial kernel for each; least squares output by output."""
    channels, outputs = target.channels, target.outputs
    root, inverse = target.channel_metric
    weighted = torch.einsum("cd,dto,ts->ocs", root, target.weight.reshape(channels, -1, outputs), target.tap_metric[0])
    first = (inverse @ leading(weighted, kernels)).permute(0, 2, 1)  # (out, kernels, channels)
    seconds, kept = _kernels_of_outputs(target, first)
    mean = torch.einsum("okc,ct,okt->o", first, target.averages.read.reshape(channels, -1), seconds)
    ones = (1,) * len(target.kernel)
    weights = (first.reshape(-1, channels, *ones), seconds.reshape(outputs, kernels, *target.kernel))
    return Factors(weights, mean, (target.power - kept).clamp_min(0) + target.unreached)


def _kernels_of_outputs(target: LayerTarget, first: Tensor) -> tuple[Tensor, Tensor]:
    """Spatial kernels (out, kernels, taps) and what of each output's power they keep (out,)."""
    outputs, kernels, channels = first.shape
    response = target.response.reshape(channels, target.taps, outputs)
    seconds, kept = [], []
    for part in torch.arange(outputs).split(max(1, 2**22 // (len(target.weight) * target.taps * kernels))):
        maps = first[part]
        half = torch.einsum("okc,ctds->oktds", maps, target.blocks)
        gram = torch.einsum("oktds,old->oktls", half, maps).flatten(3).flatten(1, 2)
        cross = torch.einsum("okc,cto->okt", maps, response[:, :, part]).flatten(1)[..., None]
        solution = solve(gram, cross)
        seconds.append(solution.reshape(len(part), kernels, -1))
        kept.append((solution * cross).sum((1, 2)))
    return torch.cat(seconds), torch.cat(kept)


def dilated(target: LayerTarget, _: int = 0) -> Factors:
    """The taps at the corners, edges and centre of the kernel alone."""
    at = torch.zeros(target.kernel, dtype=torch.bool)
    at[tuple(slice(None, None, size // 2) for size in target.kernel)] = True
    read = torch.arange(len(target.weight)).reshape(target.channels, -1)[:, at.flatten()].flatten()
    shape = (target.outputs, target.channels, *(3 for _ in target.kernel))
    gram = target.averages.gram[read][:, read]
    mean = target.averages.read[read]
    return target.solved(gram, target.response[read], mean, lambda second: (second.T.reshape(shape),))


def grouped(target: LayerTarget, groups: int) -> Factors:
    """Each group of outputs from its own channels, in the order in which they are."""
    inputs, outputs = len(target.weight) // groups, target.outputs // groups
    parts = [
        _part(target, torch.arange(group * inputs, (group + 1) * inputs), slice(group * outputs, (group + 1) * outputs))
        for group in range(groups)
    ]
    weight = torch.cat([part.T for part, _ in parts]).reshape(target.outputs, -1, *target.kernel)
    kept = torch.cat([share for _, share in parts])
    means = target.averages.read.reshape(groups, inputs)
    mean = torch.cat([own @ part for own, (part, _) in zip(means, parts, strict=True)])
    return Factors((weight,), mean, (target.power - kept).clamp_min(0) + target.unreached)


def _part(target: LayerTarget, read: Tensor, outputs: slice) -> tuple[Tensor, Tensor]:
    cross = target.response[read, outputs]
    part = solve(target.averages.gram[read][:, read], cross)
    return part, (part * cross).sum(0)
