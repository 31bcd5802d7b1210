"""What fitting a model to budgets did: budgets met, what was done to each layer, what it cost, and the trade-off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FitBudget:
    """One budget and the integers before, promised by the formulas, and traced in the fitted model."""

    metric: str
    """"params", "macs", "size" (bytes), "peak-memory" (bytes) or "latency" (nanoseconds, estimated)."""
    asked: str
    """As it was asked for: "50%" or "2G"."""
    limit: int
    before: int
    promised: int
    traced: int | None = None
    """What a trace of the fitted model counts; None where it was not traced."""


@dataclass(frozen=True, slots=True)
class FittedLayer:
    """What was done to one layer."""

    path: str
    label: str
    """Kind and setting in words, such as "spatial low rank, rank 24"."""
    proposed: str
    """What takes its place, as code."""
    saved_params: int
    saved_macs: int
    error: float
    """Mean square of the layer's output that is missing, as a share of the whole, on calibration inputs."""
    harm: float
    """The predicted divergence of the model's output, were this layer alone changed."""
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class LeftLayer:
    """A convolution that nothing could take the place of."""

    path: str
    reason: str
    """As the end of a sentence."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The best plan for one point of the trade-off."""

    share: float
    """Of the first budget's metric, what is left at most."""
    value: int
    """What is left of that metric."""
    params: int
    macs: int
    harm: float
    """The predicted divergence of the plan."""
    layers: int
    is_knee: bool = False


@dataclass(frozen=True, slots=True)
class Fit:
    """A model fitted to its budgets."""

    measure: str
    """How far outputs are apart: "KL divergence" or "relative error"."""
    budgets: tuple[FitBudget, ...]
    layers: tuple[FittedLayer, ...]
    predicted_harm: float
    """The sum over the layers, which the plan minimises."""
    measured_harm: float
    """Of the fitted model's outputs from the original's, on inputs that no weights were fitted to."""
    agreement: float | None
    """The share of those inputs for which both models choose the same class; None where outputs are not scores."""
    samples: int
    """Inputs that weights were fitted to."""
    held_out: int
    """Inputs that the harm was measured on."""
    gap: float
    """How far the plan's predicted harm may be above the least there is, as a share: 0 is proved best."""
    source: str
    """Where the calibration inputs came from."""
    is_guess: bool = False
    """Whether the inputs were random, so that the harm is a guess."""
    is_untrained: bool = False
    """Whether the weights were random, so that the harm means nothing and only the structure is of use."""
    recalibrated: bool = False
    """Whether the statistics of batch normalizations were set anew."""
    rectified: int = 0
    """Layers that were fitted to what the ReLU after them lets through, as that brought the model's output nearer."""
    exports: tuple[str, ...] = ()
    """Formats that the fitted model was exported to as a proof: "torch.export", "ONNX"; empty where none was tried."""
    is_partial: bool = False
    """Whether measuring was interrupted: some layers were left alone, and a budget may be missed."""
    curve: tuple[CurvePoint, ...] = ()
    left_alone: tuple[LeftLayer, ...] = ()
    """Convolutions that nothing could take the place of."""
    assumptions: tuple[str, ...] = ()
