"""What could be changed in a model, what each change saves, in which order, and what was changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from analyzer.values.layer_calls import LayerCall

TELLING: Final = 0.02
"""Estimated times that differ by less than this share are taken as the same."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Parameters and multiply-accumulates that a proposal takes off the totals; negative where it adds some."""

    params: int
    macs: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """What takes the place of the layer at a path, as code and as data."""

    path: str
    code: str
    layers: tuple[LayerCall, ...]
    """In the order in which data passes them."""
    input_size: tuple[int, ...] = ()
    """Positions along each axis that the first convolution reads; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to the same end."""

    label: str
    """Its name among the alternatives: "4 groups", "pointwise first"."""
    replacements: tuple[Replacement, ...]
    saved: Saving
    notes: tuple[str, ...] = ()
    kept: float | None = None
    """As of the advice."""
    harm: float | None = None
    """As of the advice."""
    choice: str = ""
    """As of the advice."""
    not_beside: tuple[str, ...] = ()
    """As of the advice."""


Step = Literal["free", "retrain", "inference"]
STEPS: Final[tuple[Step, ...]] = ("free", "retrain", "inference")
"""What leaves the function as it is; what changes it and needs retraining; what is for inference, after training."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One finding: a proposal with what it saves, or a fact about what is there.

    `formats.wording.advice_words` puts in `current`, `proposed`, `evidence`, `notes` and `alternatives` when an
    analysis is made; until then they are empty, `proposed` too unless it is None.
    """

    rule: str
    """The code that --select, --ignore and --apply take."""
    name: str
    """The rule's name in words, such as "depthwise-separable"."""
    path: str
    level: str
    """"note", "warning" or "error"."""
    effort: str
    """What it takes: "none" (the output stays the same), "finetune" or "retrain"; "none" for a fact as well."""
    current: str
    """What is there: as code, or as a fact in words."""
    proposed: str | None
    """What to use instead, as code; None for a fact."""
    saved: Saving | None
    bytes_ratio: float | None
    """Bytes moved afterwards over bytes moved now."""
    bound: str | None
    """What limits the proposal on the device profile: "compute", "memory" or "overhead", as the estimates say."""
    evidence: str | None = None
    """What the checkpoint's weights say; None without a checkpoint."""
    notes: tuple[str, ...] = ()
    file: str | None = None
    line: int | None = None
    replacements: tuple[Replacement, ...] = ()
    """The whole proposal, layer by layer, those included that only take over weights; empty for a fact."""
    alternatives: tuple[Alternative, ...] = ()
    device: str = ""
    """Name of the device profile that `bound` and `time_ratio` are for."""
    time_ratio: float | None = None
    """Estimated time of the layers afterwards over their time now; None where it was not estimated."""
    inference_only: bool = False
    """It may be made after training only: a network that is trained needs what it takes away."""
    kept: float | None = None
    """Share of the weight energy that carrying the weights over keeps; None where the weights were not asked."""
    not_beside: tuple[str, ...] = ()
    """Neighbouring layers to which the same rule must not be applied at once: together they would not be sound."""
    harm: float | None = None
    """Divergence of the model's output with this change alone, measured on calibration inputs; None without them."""
    beaten_by: str = ""
    """The rule that, for the same layer, saves as much for no more measured harm; empty where none does."""
    choice: str = ""
    """The word by which --apply tells this way from the rule's others; empty where the rule offers one way."""

    @property
    def step(self) -> Step | None:
        """Which step of the plan it belongs to; None for a fact."""
        if self.proposed is None:
            return None
        return "inference" if self.inference_only else "free" if self.effort == "none" else "retrain"

    @property
    def is_slower(self) -> bool:
        """Whether the estimate says that it takes longer on the device profile, by more than it can tell apart."""
        return self.time_ratio is not None and self.time_ratio > 1 + TELLING

    @property
    def is_faster(self) -> bool:
        """Whether the estimate says that it takes less time on the device profile, by as much."""
        return self.time_ratio is not None and self.time_ratio < 1 - TELLING


@dataclass(frozen=True, slots=True)
class HarmMeasurement:
    """How the harm of suggestions was measured, each put in alone and not trained."""

    measure: str
    """"KL divergence" of class scores, or the squared "relative error" of other outputs."""
    source: str
    """Where the calibration inputs come from."""
    samples: int
    measured: int
    """Suggestions and alternatives that have a harm."""
    suggestions: int
    """Suggestions and alternatives in all."""


@dataclass(frozen=True, slots=True)
class Together:
    """The free and the retrained steps of the plan taken at once, as a trace of the rewritten model counts them."""

    layers: int
    saved: Saving


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One change of the plan."""

    rule: str
    name: str
    path: str
    proposed: str
    """What to use instead, as code."""
    choice: str = ""
    """As of the advice."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """Changes to be made at once, with what they save by themselves."""

    step: Step
    changes: tuple[PlannedChange, ...]
    saved: Saving
    least_kept: float | None = None
    """The least share of the weight energy that one of the changes keeps; None where one of them is not known."""


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """How far outputs are off on calibration inputs that were held out, |new - old| / |old|."""

    carried: float
    """With the statistics of batch normalization that were carried over."""
    reestimated: float | None = None
    """With those estimated anew; None where nothing stores any."""


@dataclass(frozen=True, slots=True)
class AppliedChange:
    """One piece of advice that was applied, or was asked for."""

    rule: str
    name: str
    path: str
    error: float | None = None
    """|new - old| / |old| of what its layers give on random input; None where no weights were carried over."""
    is_fresh: bool = False
    """Its layers start from new weights."""
    instead: tuple[str, str] | None = None
    """Of what was left out, rule and path of the change that takes one of its layers; None for other reasons."""
    on_calibration: CalibrationError | None = None
    """Of what its layers, or the normalization after them, give within the model; None without calibration inputs."""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What was done to the model that was analysed before."""

    changes: tuple[AppliedChange, ...]
    left_out: tuple[AppliedChange, ...] = ()
    """What was asked for and would not be sound beside what was applied."""
    error: float | None = None
    """How far the whole model's output is on random input; None where no weights were carried over."""
    on_calibration: CalibrationError | None = None
    """How far the whole model's output is on calibration inputs; None without any."""
    calibration: str = ""
    """Where the calibration inputs are from."""
