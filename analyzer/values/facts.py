"""What rules read: facts about one layer and about the whole model, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from analyzer.values.convolution import Convolution, Linear
from analyzer.values.layer_patterns import lineage

if TYPE_CHECKING:
    from analyzer.values.graph import Op


@dataclass(frozen=True, slots=True)
class ConvolutionFacts:
    """One convolution layer (an `nn.Conv1d`, `Conv2d`, `Conv3d` or transposed one) and its surroundings."""

    path: str
    calls: tuple[Convolution, ...]
    """The convolution as each call of the layer ran it; more than one when the layer is used several times."""
    params: int
    macs: int
    share_of_params: float
    share_of_macs: float
    is_plain: bool = True
    """False when the layer does more than one zero-padded convolution on its own parameters: then leave it alone."""
    is_stem: bool = False
    """It reads the model's input with nothing but elementwise work and views before it."""
    is_head: bool = False
    """Its output leaves the model with nothing but elementwise work, pooling and views after it."""
    norm: str | None = None
    """The batch normalization that alone reads the output, directly."""
    feeds_relu: bool = False
    """A ReLU alone reads the output, directly or through the normalization `norm`."""
    rectified: str | None = None
    """The batch normalization whose output it reads through a ReLU, directly."""
    follower: str | None = None
    """The convolution layer that alone reads the output, directly, with nothing between."""
    norm_follower: str | None = None
    """The convolution layer that alone reads what the normalization `norm` gives, directly."""
    readers: tuple[str, ...] = ()
    """Convolution layers that read the output through layers that keep channels apart (elementwise, norm, pooling)."""
    sources: tuple[str, ...] = ()
    """Convolution layers whose outputs it reads so."""
    branches: tuple[int, ...] = ()
    """Channels of each tensor of the concatenation that it reads, in order; empty where it reads none."""
    is_divided: bool = False
    """Its output channels are divided into parts that go different ways, as by a split."""
    shares_output: bool = False
    """The output is added to, multiplied with or concatenated with another tensor: its channels cannot be permuted."""
    receptive_field: tuple[int, ...] | None = None
    jump: tuple[int, ...] | None = None
    bound: str = "compute"
    """What limits the layer on the device profile, as its time is estimated: "compute", "memory" or "overhead"."""

    @property
    def convolution(self) -> Convolution:
        """The first call."""
        return self.calls[0]


@dataclass(frozen=True, slots=True)
class LinearFacts:
    """One linear layer."""

    path: str
    in_features: int
    out_features: int
    params: int
    macs: int
    share_of_params: float
    share_of_macs: float

    @property
    def has_bias(self) -> bool:
        return self.params > self.in_features * self.out_features

    @property
    def rows(self) -> int:
        """Vectors that it is multiplied with, over all calls."""
        return self.macs // (self.in_features * self.out_features)


@dataclass(frozen=True, slots=True)
class RecomputedLayer:
    """A convolution or linear layer that computes its weight at every call and always the same in evaluation."""

    path: str
    kind: str
    params: int
    """With those of the modules within that compute the weight."""
    macs: int
    plain: Convolution | Linear
    """The plain layer that does the same."""
    plain_macs: int
    """Of its convolution or product alone, over all calls."""
    operators: tuple[Op, ...]
    """All that run in it."""
    calls: int = 1
    norm: str | None = None
    """The batch normalization that alone reads the output, directly."""


@dataclass(frozen=True, slots=True)
class RemovableModule:
    """A module that no output depends on, with all that is in it."""

    path: str
    kind: str
    params: int
    macs: int
    is_called: bool
    """It runs, and nothing uses what it gives."""


@dataclass(frozen=True, slots=True)
class BranchSum:
    """A module that adds what parallel branches, a convolution and its normalizations at most, make of one tensor."""

    path: str
    branches: tuple[tuple[str, ...], ...]
    """Paths of each one's layers, in order."""
    kept: tuple[str, ...] = ()
    """Children of the module that run on the sum, in order."""


@dataclass(frozen=True, slots=True)
class Norm:
    """One batch normalization in eval mode, and the convolution that alone feeds it."""

    path: str
    channels: int
    params: int
    convolution: str | None = None
    """None where the layer cannot be folded: it does more than normalize, or others read its statistics."""
    kept: tuple[str, ...] = ()
    """Paths of its children that run on what it normalized, its activation say: they stay when it is folded."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """Two grouped convolutions in a row with no channel mixing between: `groups` networks that never meet."""

    first: str
    second: str
    groups: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Stacked dilations along one path that leave inputs unread: of `field` positions an axis, `holes` are."""

    layers: tuple[str, ...]
    axis: int
    field: int
    holes: int


@dataclass(frozen=True, slots=True)
class Restoration:
    """Resolution lost at one layer by stride or pooling and given back later by upsampling."""

    downsample: str
    upsample: str
    factor: int
    between: tuple[str, ...]
    """Convolution layers that run at the lower resolution."""


@dataclass(frozen=True)
class ModelFacts:
    """All that rules may know of a model."""

    params: int
    macs: int
    convolutions: Mapping[str, ConvolutionFacts] = field(default_factory=dict)
    """By path, in execution order."""
    linears: tuple[LinearFacts, ...] = ()
    norms: tuple[Norm, ...] = ()
    isolations: tuple[Isolation, ...] = ()
    grids: tuple[Grid, ...] = ()
    restorations: tuple[Restoration, ...] = ()
    branch_sums: tuple[BranchSum, ...] = ()
    siblings: tuple[tuple[str, ...], ...] = ()
    """Convolution layers, two or more at a time, that read the same tensor."""
    recomputed: tuple[RecomputedLayer, ...] = ()
    removable: tuple[RemovableModule, ...] = ()
    never_run: tuple[tuple[str, int], ...] = ()
    """Path and parameters of modules that the forward never called."""
    fixed: frozenset[str] = frozenset()
    """Layers that no plain layer of their kind can take the place of."""
    device: str = ""
    """Name of the device profile that `bound` speaks of."""

    @cached_property
    def linear_at(self) -> Mapping[str, LinearFacts]:
        """The linear layers by path."""
        return {linear.path: linear for linear in self.linears}

    @cached_property
    def recomputed_at(self) -> Mapping[str, RecomputedLayer]:
        """The layers that compute their weights, by path."""
        return {layer.path: layer for layer in self.recomputed}

    @cached_property
    def normalized(self) -> frozenset[str]:
        """Paths of the batch normalizations and of all modules around them."""
        return frozenset(path for norm in self.norms for path in lineage(norm.path))
