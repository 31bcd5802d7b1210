"""What is estimated and not measured: time, memory, energy, and whether a model fits a device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A range that an estimate stands for; its ends are of the same unit as what it estimates."""

    low: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class EstimatorError:
    """How far the estimator was off the clock where it was calibrated, each network left out of its own calibration."""

    networks: int
    median: float
    """Of the absolute error as a share of the measured time."""
    p90: float
    rank_correlation: float
    """Spearman's, between estimated and measured times."""
    family_median: float
    """The median when the network's whole family was left out."""
    unseen: int
    """Networks of another collection that had no part in the calibration."""
    unseen_median: float
    unseen_p90: float
    conditions: str


@dataclass(frozen=True, slots=True)
class LayerTime:
    """Where the time of one layer would go, with the FLOPs and bytes of all its operators."""

    path: str
    bound: str
    """"compute", "memory" or "overhead": what takes most of it."""
    attainable: float
    """Share of the device's peak arithmetic that the layer's intensity allows, min(1, intensity / ridge)."""
    flops: int
    nbytes: int
    seconds: Span


@dataclass(frozen=True, slots=True)
class ProposalTime:
    """What a proposal would do to the time of the layers that it replaces."""

    rule: str
    path: str
    bound: str
    before: Span
    after: Span
    ratio: float
    """Time afterwards over time now, both at the middle of their ranges."""


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """One inference on a device profile."""

    device: str
    source: str
    """Where the device's figures come from."""
    dtype: str
    seconds: Span
    layers: tuple[LayerTime, ...]
    """In execution order; layers without operators are left out."""
    proposals: tuple[ProposalTime, ...] = ()
    error: EstimatorError | None = None
    """None for a device that the estimator was not calibrated on."""
    assumptions: tuple[str, ...] = ()
    peak: float = 0.0
    """FLOP/s that the device does at most in this data type."""
    bandwidth: float = 0.0
    """Bytes/s that it moves at most."""


@dataclass(frozen=True, slots=True)
class MemoryPoint:
    """The most that is held while one call of a layer runs its own operators."""

    path: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class HeldTensor:
    """A piece of memory that is held at the peak."""

    path: str
    """The layer that allocated it."""
    operator: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """Parameters and buffers of one data type."""

    dtype: str
    params: int
    buffers: int


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Memory of one inference; activations without the inputs, which were there before."""

    peak_bytes: int
    """Most that is held at once, with what torch's convolutions take on the CPU."""
    tensor_bytes: int
    """Most that the forward's own tensors hold at once."""
    layer: str
    """Where the peak occurs."""
    operator: str
    input_bytes: int
    stored: tuple[StoredBytes, ...]
    curve: tuple[MemoryPoint, ...]
    """In execution order."""
    assumptions: tuple[str, ...] = ()
    alive: tuple[HeldTensor, ...] = ()
    """What is held at the peak, the largest first; with the workspace of the operator that runs it is all of it."""


@dataclass(frozen=True, slots=True)
class TrainingFootprint:
    """Bytes that one training step has to hold."""

    optimizer: str
    weights: int
    """Parameters and buffers."""
    gradients: int
    states: int
    """What the optimizer keeps for each parameter."""
    activations: int
    """Saved by the forward for the backward, each piece of memory once, weights and inputs not among them."""
    inputs: int
    assumptions: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.states + self.activations + self.inputs


@dataclass(frozen=True, slots=True)
class LayerEnergy:
    """Joules of one layer, at the stated constants."""

    path: str
    arithmetic: float
    movement: float


@dataclass(frozen=True, slots=True)
class EnergyEstimate:
    """One inference in joules, as an order of magnitude."""

    dtype: str
    arithmetic: float
    movement: float
    span: Span
    layers: tuple[LayerEnergy, ...]
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceFit:
    """A model in one data type against a small device's limits, in bytes."""

    dtype: str
    flash: int
    ram: int
    flash_breaker: str | None
    """The layer whose weights no longer fit, those before it included; None where all do."""
    ram_breaker: str | None
    """The first layer that holds too much."""


@dataclass(frozen=True, slots=True)
class Deployability:
    """Whether weights fit the flash and activations the RAM of a device, with limits in bytes."""

    device: str
    flash_limit: int
    ram_limit: int
    fits: tuple[DeviceFit, ...]
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimates:
    """All estimates of one model; None where one does not apply."""

    time: TimeEstimate
    memory: MemoryEstimate
    energy: EnergyEstimate | None = None
    training: TrainingFootprint | None = None
    deployability: Deployability | None = None
