"""What an analysis says: plain frozen values that go to JSON and back without loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

import msgspec

from analyzer.values.advice import Advice, HarmMeasurement, PlanStep, Rewriting, Together
from analyzer.values.counts import (
    Absence,
    Input,
    Layer,
    Model,
    NeverRun,
    StoredTensor,
    Total,
    Tracing,
    Uncounted,
    UsedFormula,
)
from analyzer.values.errors import Problem
from analyzer.values.estimates import Estimates
from analyzer.values.fit_results import Fit
from analyzer.values.gate_results import BudgetLine, Difference
from analyzer.values.scaling import Scaling, resized
from analyzer.values.size_sweeps import SizedTotal
from analyzer.values.steps import Steps
from analyzer.values.timings import Latency
from analyzer.values.training_work import TrainingWork

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class FamilyDifference:
    """MACs of one family of operators, "convolution" say, that another counter counts differently."""

    family: str
    """"averaging" for what a counter divides by the batch, or rounds, at the end."""
    theirs: int
    ours: int
    kind: str = ""
    """Class of the layers in which it differs; empty where that is not told apart."""


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What another counter says of the same forward, in MACs, and where it differs."""

    counter: str
    macs: int | None
    """Its total as MACs; None when it could not count."""
    differences: tuple[FamilyDifference, ...] = ()
    """They add up to its total less ours, where it counted this forward itself."""
    skipped: tuple[Uncounted, ...] = ()
    """Contractions that it has no formula for."""
    decimals: int | None = None
    """Of GMACs, to which a published number is rounded; None for an exact count."""
    reason: str = ""
    """Why it could not count, or why that cannot be predicted."""
    predicted: bool = False
    """Whether this is what it would print, by its conventions; else it was asked."""


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


@dataclass(frozen=True, slots=True)
class Display:
    """How analyses are shown to people: values know no format, so one that can is put into `Analysis.display`."""

    tables: Callable[[Analysis], str]
    """As HTML for a notebook."""
    show: Callable[[Analysis], Path]
    """As a page in the browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Everything one run of the analyzer found out about one model."""

    display: ClassVar[Display | None] = None
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
    harm_measurement: HarmMeasurement | None = None
    """How the harm of the advice was measured; None without calibration inputs."""
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
    training: TrainingWork | None = None
    """A training step, counted operator by operator, when asked for."""
    scaling: Scaling | None = None
    """Costs as polynomials in the sizes of the inputs, when asked for."""
    sizes: tuple[SizedTotal, ...] = ()
    """Totals at other sizes of the inputs, when asked for."""
    steps: Steps | None = None
    """What is kept between steps, and what a prefill and one more token cost, when asked for."""

    def at(self, **sizes: int) -> Analysis:
        """The same model with inputs of other sizes: `analysis.at(batch=8, height=512)`; no forward is followed.

        Inputs, totals and layers are those of a fresh analysis, to the integer; what else an analysis tells of its
        sizes (advice, estimates, times, other counters) is left out. Raises Problem where the formulas do not hold,
        and for an analysis without formulas.
        """
        if self.scaling is None:
            raise Problem("this analysis has no formulas: analyze with symbolic=True, or with --symbolic")
        scaling, steps = self.scaling.point(sizes)
        return Analysis(
            analyzer_version=self.analyzer_version,
            model=self.model,
            inputs=resized(self.inputs, self.scaling.dimensions, sizes),
            tracing=self.tracing,
            total=scaling.total(self.total, steps),
            complete=self.complete,
            uncounted=self.uncounted,
            formulas=self.formulas,
            never_run=self.never_run,
            layers=tuple(scaling.rows(self.layers, steps)),
        )

    def _repr_html_(self) -> str | None:
        """Its tables for a notebook, which shows its text instead where there is no display."""
        return self.display.tables(self) if self.display else None

    def show(self) -> Path:
        """Write the page to a temporary file and open it in the browser; gives the file. Problem if it cannot be."""
        if self.display is None:
            raise Problem("analyses have no display: import Analysis from analyzer, which gives them one")
        return self.display.show(self)

    def to_json(self) -> str:
        """The analysis as JSON text, keys as in the published schema."""
        return json_text(self)

    @classmethod
    def from_json(cls, text: str) -> Analysis:
        """The inverse of `to_json`; ValueError when the text is not an analysis of this schema."""
        return msgspec.json.decode(text, type=cls)


def json_text(value: object) -> str:
    """Any plain value or dataclass as indented JSON with a line end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
