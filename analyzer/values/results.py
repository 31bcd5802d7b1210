"""What an analysis says: plain frozen values that go to JSON and back without loss."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final, Literal

from analyzer.values.estimates import Estimates
from analyzer.values.fit_results import Fit
from analyzer.values.layer_calls import LayerCall
from analyzer.values.timings import Latency

SCHEMA_VERSION: Final = 1
TELLING: Final = 0.02
"""Estimated times that differ by less than this share are taken as the same."""


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
    """Statements of the user's that were running when it was built, innermost first; told where there is a base."""
    settings: str = ""
    """How one of torch's own layers was built: "Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2))"; empty for others."""
    receptive_field: tuple[int, ...] | None = None
    """How many input positions an output position reads along each axis, first to last; the most where they differ."""
    receptive_field_least: tuple[int, ...] | None = None
    """The fewest, where that is another number: after upsampling, neighbouring positions read differently."""
    jump: tuple[int, ...] | None = None
    offset: tuple[int, ...] | None = None
    """How many positions before the input's first one output 0 reads, an axis."""
    reach: str = ""
    """"exact", "unaligned" (branches meet whose centres or jumps differ: the hull is told), "global" (at least one axis
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


@dataclass(frozen=True, slots=True)
class Saving:
    """What a proposal takes off the totals, exactly; negative where it costs more."""

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
    """Tells it apart: "4 groups", "pointwise first"."""
    replacements: tuple[Replacement, ...]
    saved: Saving
    notes: tuple[str, ...] = ()
    kept: float | None = None
    """As of the advice."""


Step = Literal["free", "retrain", "inference"]
STEPS: Final[tuple[Step, ...]] = ("free", "retrain", "inference")
"""What leaves the function as it is; what changes it and needs retraining; what is for inference, after training."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One finding: a proposal with what it saves, or a fact about what is there."""

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
    """What is there, as code."""
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


@dataclass(frozen=True, slots=True)
class PlanStep:
    """Changes to be made at once, with what they save by themselves."""

    step: Step
    changes: tuple[PlannedChange, ...]
    saved: Saving
    least_kept: float | None = None
    """The least share of the weight energy that one of the changes keeps; None where one of them is not known."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What a model may grow by: a share of the base, as a fraction, or the least amount where that is more."""

    numerator: int
    denominator: int
    least: int
    """In the metric's unit."""


@dataclass(frozen=True, slots=True)
class RemedyStep:
    """One piece of advice that helps a model under its limit."""

    rule: str
    name: str
    path: str
    effort: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """The least that brings a model under a limit; without steps when no advice does."""

    steps: tuple[RemedyStep, ...] = ()
    saved: int = 0
    """What they take off the metric together."""


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


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What was done to the model that was analysed before."""

    changes: tuple[AppliedChange, ...]
    left_out: tuple[AppliedChange, ...] = ()
    """What was asked for and would not be sound beside what was applied."""
    error: float | None = None
    """How far the whole model's output is on random input; None where no weights were carried over."""


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One limit and how the model stands to it."""

    name: str
    """The budget's name: from the configuration, or "command line"."""
    metric: str
    """"params", "trainable-params", "macs", "size" (bytes) or "peak-memory" (bytes)."""
    value: int | None
    limit: int | None
    """The absolute limit, or the one that a relative limit makes of the base; None when there was no base."""
    base: int | None
    status: str
    """"pass", "fail", "drift" (over the limit, but not by this change), "off" or "unknown" (not counted)."""
    match: str = "*"
    """Pattern of the layers that the limit is on."""
    level: str = "error"
    message: str = ""
    notes: tuple[str, ...] = ()
    growth: Growth | None = None
    """What a limit on growth allows; None for an absolute limit."""
    remedy: Remedy | None = None
    """What would bring it under its limit again; None where it is not over it."""


@dataclass(frozen=True, slots=True)
class LayerChange:
    """A layer that differs from the base; `before` and `after` are None where it did not or does not exist."""

    path: str
    status: str
    """"added", "removed", "changed" or "moved"."""
    before: Layer | None
    after: Layer | None
    was: str | None = None
    """Its path in the base, where that was another."""
    changes: tuple[str, ...] = ()
    """What changed, in words: "kernel 3 to 5", "groups 32 to 1"."""


@dataclass(frozen=True, slots=True)
class Difference:
    """This model against its base."""

    base: str
    """What it was compared with: a revision or a file."""
    before: Total | None
    """The base's totals; None when the model is new."""
    layers: tuple[LayerChange, ...] = ()
    """What grew most first; unchanged layers are left out."""
    unchanged: int = 0
    budget_changes: tuple[str, ...] = ()
    """Limits that changed between base and head, in words."""
    changed_lines: tuple[Lines, ...] | None = None
    """What the change touched; None where the base is a report, which does not tell."""


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What another counter says of the same forward, in MACs, and why it differs."""

    counter: str
    macs: int | None
    """Its total as MACs; None when it could not count, with the reason among the remarks."""
    remarks: tuple[str, ...] = ()
    """One sentence for each family of operators that it counts differently."""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One of several targets that were analysed together."""

    name: str
    target: str
    params: int
    param_bytes: int
    macs: int | None
    other_flops: int | None
    peak_activation_bytes: int | None
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Everything one run of the analyzer found out about one model."""

    schema_version: Literal[1] = SCHEMA_VERSION
    analyzer_version: str
    model: Model
    inputs: tuple[Input, ...]
    tracing: Tracing
    total: Total
    complete: bool
    """False when a contraction or an opaque operator has no count."""
    uncounted: tuple[Uncounted, ...] = ()
    formulas: tuple[UsedFormula, ...] = ()
    """Formulas of the user's that the count is made with."""
    absences: tuple[Absence, ...] = ()
    """What is missing beside the count; the count does not depend on it."""
    never_run: tuple[NeverRun, ...] = ()
    layers: tuple[Layer, ...] = ()
    """In execution order; modules that never ran come last, with calls = 0."""
    advice: tuple[Advice, ...] = ()
    """Ranked: what saves most first."""
    together: Together | None = None
    rewriting: Rewriting | None = None
    """What was applied to make this model of another one."""
    plan: tuple[PlanStep, ...] = ()
    """What to do first, in this order; steps without a change are left out."""
    budget: tuple[BudgetLine, ...] = ()
    verdict: str | None = None
    """"pass", "drift" or "fail"; None without a budget."""
    difference: Difference | None = None
    """Against the base, when one was asked for."""
    reconciliation: tuple[SecondOpinion, ...] = ()
    """Other counters' numbers, when asked for."""
    tensors: tuple[StoredTensor, ...] = ()
    """The checkpoint's tensors, when a checkpoint alone was analysed."""
    comparison: tuple[ComparisonRow, ...] = ()
    latency: Latency | None = None
    """What the clock said, when asked for; the gate never looks at it."""
    fit: Fit | None = None
    """What was done to fit this model to budgets; None for a model as it was given."""
    estimates: Estimates | None = None
    """Time, memory and energy as estimated for a device profile, never measured."""

    def to_json(self) -> str:
        """The analysis as JSON text, keys as in the published schema."""
        import msgspec

        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    @classmethod
    def from_json(cls, text: str) -> Analysis:
        """The inverse of `to_json`; ValueError when the text is not an analysis of this schema."""
        import msgspec

        return msgspec.json.decode(text, type=cls)
