"""One convolution as its arithmetic sees it, and the other layers that a proposal may use beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Final

from analyzer.values.notes import Note, RuleChoice

IMAGE_CHANNELS: Final = 4
"""An image has so many channels at most: three colours, with depth or alpha."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution of any dimension, applied to a batch of inputs of one size; tuples hold one number an axis."""

    in_channels: int
    out_channels: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int = 1
    bias: bool = False
    input_size: tuple[int, ...] = ()
    """Spatial size of what it reads; empty when it is not placed."""
    batch: int = 1
    itemsize: int = 4
    dtype: str = "float32"
    transposed: bool = False
    output_padding: tuple[int, ...] = ()

    @property
    def dimension(self) -> int:
        return len(self.kernel)

    @property
    def is_dense(self) -> bool:
        """Every output channel reads every input channel."""
        return self.groups == 1

    @property
    def is_depthwise(self) -> bool:
        return self.groups == self.in_channels > 1

    @property
    def is_pointwise(self) -> bool:
        return prod(self.kernel) == 1

    @property
    def span(self) -> tuple[int, ...]:
        """d (k - 1) + 1: how far the kernel reaches along each axis."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def output_size(self) -> tuple[int, ...]:
        """floor((in + 2 p - d (k - 1) - 1) / s) + 1; transposed: (in - 1) s - 2 p + d (k - 1) + output_padding + 1."""
        axes = zip(self.input_size, self.padding, self.span, self.stride, strict=True)
        if not self.transposed:
            return tuple((size + 2 * p - span) // s + 1 for size, p, span, s in axes)
        extra = self.output_padding or (0,) * self.dimension
        return tuple((size - 1) * s - 2 * p + span + o for (size, p, span, s), o in zip(axes, extra, strict=True))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(out, in / g, *kernel); of a transposed one (in, out / g, *kernel)."""
        if self.transposed:
            return (self.in_channels, self.out_channels // self.groups, *self.kernel)
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    @property
    def params(self) -> int:
        return prod(self.weight_shape) + (self.out_channels if self.bias else 0)

    def on(self, batch: int, input_size: tuple[int, ...]) -> Convolution:
        """The same convolution reading inputs of another size."""
        return replace(self, batch=batch, input_size=input_size)


@dataclass(frozen=True, slots=True)
class ChannelShuffle:
    """`nn.ChannelShuffle`: lets the groups of the next grouped convolution read from all groups before."""

    groups: int


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalization of as many channels, of the dimension of its neighbours."""

    channels: int
    dimension: int


@dataclass(frozen=True, slots=True)
class ReLU:
    """The activation between two convolutions of a proposal."""


@dataclass(frozen=True, slots=True)
class Linear:
    """`nn.Linear`; two of them in a row are one of low rank."""

    in_features: int
    out_features: int
    bias: bool = True

    @property
    def params(self) -> int:
        return self.in_features * self.out_features + (self.out_features if self.bias else 0)


@dataclass(frozen=True, slots=True)
class Identity:
    """Takes the place of a layer that is no longer needed."""


@dataclass(frozen=True, slots=True)
class Submodule:
    """A module of the model that is kept where the layer around it goes, by its path: an activation after a norm."""

    path: str


@dataclass(frozen=True, slots=True)
class PartOf:
    """A layer's output is the channels `start` to `end` of what the convolution at `path` gives of the same tensor."""

    path: str
    start: int
    end: int


Unit = Convolution | ChannelShuffle | BatchNorm | ReLU | Linear | Identity | Submodule | PartOf


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to use instead: for each layer, by path, the units that take its place in order."""

    replacements: tuple[tuple[str, tuple[Unit, ...]], ...]
    notes: tuple[Note, ...] = ()
    alternatives: tuple[Proposal, ...] = ()
    """Other ways to the same end, priced beside it."""
    choice: RuleChoice | None = None
    """Tells it apart from its alternatives; None where there are none."""
    is_exact: bool = False
    """The model computes the same with it, but for rounding."""


def placed(units: tuple[Unit, ...], first: Convolution) -> tuple[Unit, ...]:
    """The units reading what `first` reads: each convolution gets the size that the one before it gives."""
    batch, size = first.batch, first.input_size
    result: list[Unit] = []
    for unit in units:
        if isinstance(unit, Convolution):
            unit = unit.on(batch, size)
            size = unit.output_size
        result.append(unit)
    return tuple(result)


def along(convolution: Convolution, axes: Iterable[int]) -> Convolution:
    """The part of a convolution along some axes: kernel, stride and dilation 1 and no padding along the others."""
    kept = frozenset(axes)

    def keep(values: tuple[int, ...], default: int) -> tuple[int, ...]:
        return tuple(value if axis in kept else default for axis, value in enumerate(values))

    return replace(
        convolution,
        kernel=keep(convolution.kernel, 1),
        stride=keep(convolution.stride, 1),
        padding=keep(convolution.padding, 0),
        dilation=keep(convolution.dilation, 1),
    )
