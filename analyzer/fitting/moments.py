"""What a layer reads and what it should give, summed over calibration batches: memory that does not grow with them."""

from __future__ import annotations

from dataclasses import dataclass, field
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
class Moments:
    """Sums over rows of x xᵀ, x yᵀ and y², where x (in,) is read and y (out,) is wanted."""

    inputs: int
    targets: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    is_own: bool = False
    """Whether y is what the layer itself makes of x: x yᵀ then follows from its weight and is not summed."""
    keeps: bool = False
    """Whether the rows are kept as well, as far as they fit in MOST_KEPT values."""
    rows: int = 0

    def __post_init__(self) -> None:
        def zeros(*size: int) -> Tensor:
            return torch.zeros(*size, dtype=torch.float64, device=self.device)

        self._kept: list[tuple[Tensor, Tensor]] = []
        self._gram = zeros(self.inputs, self.inputs)
        self._cross = None if self.is_own else zeros(self.inputs, self.targets)
        self._read, self._wanted, self._squares = zeros(self.inputs), zeros(self.targets), zeros(self.targets)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Count in rows x (rows, in) and y (rows, out)."""
        x, y = x.float(), y.float()
        self._gram += x.T @ x
        if self._cross is not None:
            self._cross += x.T @ y
        self._read += x.sum(0)
        self._wanted += y.sum(0)
        self._squares += y.square().sum(0)
        self.rows += len(x)
        self.keeps = self.keeps and self.rows * (self.inputs + self.targets) <= MOST_KEPT
        self._kept = [*self._kept, (x, y)] if self.keeps else []

    @property
    def kept(self) -> tuple[Tensor, Tensor] | None:
        """The rows (rows, in) and (rows, out); None where they are too many."""
        return (torch.cat([x for x, _ in self._kept]), torch.cat([y for _, y in self._kept])) if self._kept else None

    def averages(self, is_free: bool) -> Averages:
        """Averages a row; about the means where a constant can be added to each output. The sums are used up."""
        n = max(self.rows, 1)
        read, wanted = (total / n if is_free else torch.zeros_like(total) for total in (self._read, self._wanted))
        gram = self._gram.div_(n).addr_(read, read, alpha=-1)
        few = len(gram) / n
        ridge = float(gram.diagonal().mean()) * max(1e-4, min(0.1, 1e-2 * few)) + 1e-12
        gram.diagonal().add_(ridge)
        cross = None if self._cross is None else self._cross.div_(n).addr_(read, wanted, alpha=-1)
        return Averages(gram, cross, (self._squares / n - wanted.square()).clamp_min(0), read, wanted, ridge)


@dataclass(frozen=True)
class Averages:
    """What a layer reads and should give on average, about the means that were taken off."""

    gram: Tensor
    """E[x xᵀ] (in, in), with the ridge on its diagonal."""
    cross: Tensor | None
    """E[x yᵀ] (in, out); None where the layer itself gave y."""
    power: Tensor
    """E[y²] (out,)."""
    read: Tensor
    """(in,)"""
    wanted: Tensor
    """(out,)"""
    ridge: float
    """More where few rows were seen for the values read."""
