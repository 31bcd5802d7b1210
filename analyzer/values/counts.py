"""What was counted: the model, its inputs, its layers and totals, and what could not be counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

Plain = bool | int | float | str | None
LayerArgument = Plain | tuple[Plain, ...]
"""What a layer's constructor was given; as a tuple where it holds for each axis."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Work of one operator or many: multiply-accumulates of contractions, and all other FLOPs."""

    macs: int = 0
    other_flops: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.other_flops + other.other_flops)

    def __radd__(self, other: int | Cost) -> Cost:
        return self if isinstance(other, int) else self + other

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.macs - other.macs, self.other_flops - other.other_flops)


@dataclass(frozen=True, slots=True)
class Input:
    """One tensor given to the model; `name` as in forward's signature."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Model:
    """What was analysed; `file` and `line` say where its class or builder is written."""

    name: str
    target: str
    kind: str
    file: str | None = None
    line: int | None = None
    checkpoint: str | None = None
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tracing:
    """How the operators were found; `mode` is None when nothing could be run (a checkpoint alone)."""

    mode: str | None
    operators: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Total:
    """Totals for the given input; None where it cannot be known, with the reason in `Tracing.reason`."""

    params: int
    trainable_params: int
    buffers: int
    """Elements of buffers."""
    param_bytes: int
    macs: int | None = None
    flops: int | None = None
    """2 × macs."""
    other_flops: int | None = None
    activation_elements: int | None = None
    """Elements of all operator outputs that are not views."""
    peak_activation_bytes: int | None = None
    """Most memory that the forward holds at once, on top of its inputs, parameters and buffers."""


@dataclass(frozen=True, slots=True)
class UsedFormula:
    """A user's own formula that counted an operator."""

    operator: str
    source: str
    """Where it is written: "module:function"."""
    calls: int


@dataclass(frozen=True, slots=True)
class Uncounted:
    """An operator that ran and has no count, or other work that was not seen."""

    operator: str
    calls: int
    layers: tuple[str, ...]
    """Empty where it may be work of any layer."""
    reason: str


@dataclass(frozen=True, slots=True)
class Absence:
    """Something beside the count that could not be had: receptive fields, a proposal, an estimate."""

    what: str
    where: str
    """Path of the layer at which it failed; empty where that is the whole model."""
    reason: str


@dataclass(frozen=True, slots=True)
class NeverRun:
    """A module whose own parameters this forward never used."""

    path: str
    params: int


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a file, both ends included; the file is relative to the working directory."""

    file: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A module and what it alone owns: its children's parameters and work are in their own rows."""

    path: str
    kind: str
    file: str | None = None
    line: int | None = None
    calls: int = 0
    input_shapes: tuple[tuple[int, ...], ...] = ()
    output_shapes: tuple[tuple[int, ...], ...] = ()
    params: int = 0
    macs: int | None = 0
    other_flops: int | None = 0
    construction: tuple[Lines, ...] = ()
    """Statements of the user's that were running when it was built, innermost first; recorded where there is a base."""
    settings: str = ""
    """How one of torch's own layers was built: "Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2))"; empty for others."""
    arguments: dict[str, LayerArgument] = field(default_factory=dict, hash=False)
    """The same as data, also for classes that inherit from torch's: {"in_channels": 3, "kernel_size": [7, 7]}."""
    receptive_field: tuple[int, ...] | None = None
    """How many input positions an output position reads along each axis, first to last; the most where they differ."""
    receptive_field_least: tuple[int, ...] | None = None
    """The fewest, where that is another number: after upsampling, neighbouring positions read differently."""
    jump: tuple[int, ...] | None = None
    offset: tuple[int, ...] | None = None
    """How many positions before the input's first one output 0 reads, an axis."""
    reach: str = ""
    """"exact", "unaligned" (branches meet whose centres or jumps differ: the hull is given), "global" (an axis at least
    reads the whole input, as through global pooling or attention), "irregular" (the pattern of what positions read is
    too long to be followed), or empty where there is no spatial input."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a checkpoint, as its header describes it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int

    @property
    def numel(self) -> int:
        return prod(self.shape)
