"""What a layer reads and what it should give, summed over calibration batches: memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.modules.conv import _ConvNd

MOST_ROWS = 16384
"""Positions that are taken of a layer in all."""
MOST_KEPT = 2**25
"""Values of all rows that may be kept, 134 MB."""
BLOCK = 256
"""Rows and columns of products and factors that are worked on at a time."""
Rows = tuple[Tensor, Tensor]
"""What a layer reads (rows, in) and what it should give there (rows, out)."""


def taps(layer: nn.Module) -> int:
    """How many positions an output reads; 1 for a linear layer."""
    return prod(layer.kernel_size) if isinstance(layer, _ConvNd) else 1


def width(layer: nn.Module) -> int:
    """How many values one output of a convolution or linear layer reads."""
    weight = layer.get_parameter("weight")
    return weight[0].numel()


def patches(layer: nn.Module, value: Tensor, target: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """At most so many rows of what outputs read (rows, in · taps) and of the target there (rows, out)."""
    if not isinstance(layer, _ConvNd):
        return _chosen(value.reshape(-1, value.shape[-1]), target.reshape(-1, target.shape[-1]), most)
    padded = pad(value, _padding(layer))
    size = target.shape[2:]
    each = max(1, most // max(len(value), 1))
    places = _places(prod(size), each)
    read = padded.flatten(2)[:, :, _reads(layer, padded.shape[2:], size)[:, places]]
    return read.permute(0, 3, 1, 2).flatten(0, 1).flatten(1), target.flatten(2)[:, :, places].mT.flatten(0, 1)


def outputs(target: Tensor, layer: nn.Module, most: int) -> Tensor:
    """At most so many rows of a layer's output, the same ones that `patches` takes."""
    if not isinstance(layer, _ConvNd):
        return _chosen(target.reshape(-1, target.shape[-1]), target.reshape(-1, target.shape[-1]), most)[0]
    places = _places(prod(target.shape[2:]), max(1, most // max(len(target), 1)))
    return target.flatten(2)[:, :, places].mT.flatten(0, 1)


def _chosen(value: Tensor, target: Tensor, most: int) -> tuple[Tensor, Tensor]:
    places = _places(len(value), most)
    return value[places], target[places]


def _places(available: int, most: int) -> Tensor:
    """Always the same ones of as many."""
    if available <= most:
        return torch.arange(available)
    return torch.randperm(available, generator=torch.Generator().manual_seed(available))[:most].sort().values


def _padding(layer: _ConvNd) -> list[int]:
    """As `torch.nn.functional.pad` takes it: the last axis first."""
    return list(layer._reversed_padding_repeated_twice)


def _reads(layer: _ConvNd, padded: torch.Size, size: torch.Size) -> Tensor:
    """For every tap and output position the place in the padded input that is read, (taps, positions)."""
    strides = [prod(padded[axis + 1 :]) for axis in range(len(padded))]
    grids = [torch.arange(n) * s * step for n, s, step in zip(size, layer.stride, strides, strict=True)]
    start = sum(torch.meshgrid(*grids, indexing="ij"), torch.zeros((), dtype=torch.long)).flatten()
    axes = [
        [tap * d * step for tap in range(k)]
        for k, d, step in zip(layer.kernel_size, layer.dilation, strides, strict=True)
    ]
    return torch.tensor([sum(offsets) for offsets in product(*axes)])[:, None] + start


@dataclass
class TargetSums:
    """Sums over rows of x yᵀ, y and y², where x (in,) is read and y (out,) is wanted."""

    cross: Tensor | None
    """x yᵀ (in, out); None where the layer itself makes y of x: it then follows from the layer's weight."""
    wanted: Tensor
    squares: Tensor

    @classmethod
    def none(cls, inputs: int, targets: int, device: torch.device, is_own: bool = False) -> TargetSums:
        zeros = partial(torch.zeros, dtype=torch.float64, device=device)
        return cls(None if is_own else zeros(inputs, targets), zeros(targets), zeros(targets))

    def add(self, x: Tensor, y: Tensor) -> None:
        """Count in rows x (rows, in) and y (rows, out)."""
        if self.cross is not None:
            self.cross += x.T @ y
        self.wanted += y.sum(0)
        self.squares += y.square().sum(0)


@dataclass
class Moments:
    """Sums over rows of x xᵀ and x, and of what is wanted there."""

    inputs: int
    targets: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    is_own: bool = False
    """Whether what is wanted is what the layer itself makes of what it reads."""
    keeps: bool = False
    """Whether the rows are kept as well, as far as they fit in MOST_KEPT values."""
    rows: int = 0

    def __post_init__(self) -> None:
        self.kept: list[Rows] = []
        self._gram = torch.zeros(self.inputs, self.inputs, dtype=torch.float64, device=self.device)
        self._read = torch.zeros(self.inputs, dtype=torch.float64, device=self.device)
        self._target = TargetSums.none(self.inputs, self.targets, self.device, self.is_own)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Count in rows x (rows, in) and y (rows, out)."""
        x, y = x.float(), y.float()
        for own, _ in steps(self.inputs):  # block by block, the upper ones: a product of all takes as much again
            self._gram[own, own.start :] += x[:, own].T @ x[:, own.start :]
        self._read += x.sum(0)
        self._target.add(x, y)
        self.rows += len(x)
        self.keeps = self.keeps and self.rows * (self.inputs + self.targets) <= MOST_KEPT
        self.kept = [*self.kept, (x, y)] if self.keeps else []

    def averages(self, is_free: bool) -> Averages:
        """Averages a row; about the means where a constant can be added to each output. The sums are used up."""
        n = max(self.rows, 1)
        read = self._read / n if is_free else torch.zeros_like(self._read)
        mirror(self._gram)
        gram = self._gram.div_(n).addr_(read, read, alpha=-1)
        few = len(gram) / n
        ridge = float(gram.diagonal().mean()) * max(1e-4, min(0.1, 1e-2 * few)) + 1e-12
        gram.diagonal().add_(ridge)
        return Averages(gram, read, is_free, ridge, *_about_mean(self._target, n, read, is_free))


def _about_mean(sums: TargetSums, rows: int, read: Tensor, is_free: bool) -> tuple[Tensor | None, Tensor, Tensor]:
    """E[x yᵀ], E[y²] and the mean of y that was taken off both; the sums are used up."""
    wanted = sums.wanted / rows if is_free else torch.zeros_like(sums.wanted)
    cross = None if sums.cross is None else sums.cross.div_(rows).addr_(read, wanted, alpha=-1)
    return cross, (sums.squares / rows - wanted.square()).clamp_min(0), wanted


def steps(size: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of so many rows, each with all that come after it."""
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        yield slice(start, stop), slice(stop, size)


def mirror(matrix: Tensor) -> None:
    """Make a matrix (..., n, n) symmetric in its place, by its upper blocks; those on the diagonal stay."""
    for own, after in steps(matrix.shape[-1]):
        matrix[..., after, own] = matrix[..., own, after].mT


@dataclass(frozen=True)
class Averages:
    """What a layer reads and should give on average, about the means that were taken off."""

    gram: Tensor
    """E[x xᵀ] (in, in), with the ridge on its diagonal."""
    read: Tensor
    """(in,)"""
    is_free: bool
    """Whether means were taken off: a constant can be added to each output."""
    ridge: float
    """More where few rows were seen for the values read."""
    cross: Tensor | None
    """E[x yᵀ] (in, out); None where the layer itself gave y."""
    power: Tensor
    """E[y²] (out,)."""
    wanted: Tensor
    """(out,)"""

    def towards(self, rows: Iterable[Rows]) -> Averages:
        """The same of what is read, with other targets for the very rows that were read."""
        sums, number = TargetSums.none(len(self.read), len(self.wanted), self.read.device), 0
        for x, y in rows:
            sums.add(x, y)
            number += len(x)
        cross, power, wanted = _about_mean(sums, number, self.read, self.is_free)
        return replace(self, cross=cross, power=power, wanted=wanted)
