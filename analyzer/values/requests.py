"""What is asked for: a model, and what to do with it; plain values that go to a process of their own as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analyzer.values.devices import Device, device_for


@dataclass(frozen=True)
class ModelRequest:
    """A target and what to build and run it with, from the command line or a configuration."""

    target: str
    inputs: tuple[str, ...] = ()
    """Specifications as `--input` takes them."""
    checkpoint: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """Arguments of the builder, as `--set` takes them."""
    trust: bool = False
    """Whether a file may run the code that it pickles."""
    name: str = ""
    """What reports call the model; empty for the target's own name."""
    symbolic: bool = False
    """Whether costs are needed as formulas, for a budget at other sizes."""


def file_and_name(target: str) -> tuple[str, str]:
    """The two parts of `model.py:NAME`; any other target as it is, without a name."""
    file, _, name = target.rpartition(":") if ".py:" in target else (target, "", "")
    return file, name


NO_MODEL = ModelRequest("")
"""No target, and nothing said of any."""


@dataclass(frozen=True)
class AnalysisOptions:
    """What is wanted beside the count."""

    reconcile: bool = False
    """Ask other counters as well."""
    advice: bool = True
    select: tuple[str, ...] = ()
    """Codes, prefixes or names of the rules to ask; all when empty."""
    ignore: tuple[str, ...] = ()
    device: Device = field(default_factory=device_for)
    """The profile that bounds and estimates are computed for."""
    estimates: bool = True
    construction: bool = False
    """Tell of each layer which statements were building it."""
    training: str | None = None
    """The optimizer whose training footprint is wanted."""
    formulas: Mapping[str, str] = field(default_factory=dict)
    """The user's own formulas, "module:function" by operator."""
    symbolic: bool = False
    """Tell costs as polynomials in the sizes of the inputs as well."""
    at: tuple[Mapping[str, int], ...] = ()
    """Sizes by name that totals are told for."""
    steps: bool = False
    """Tell what is kept between steps, and what a prefill and one more token cost, as well."""

    @classmethod
    def on(cls, device: str | None) -> AnalysisOptions:
        """What is told without being asked for, on a device profile; Problem where there is none of that name."""
        return cls(device=device_for(device)) if device else cls()


PLAIN = AnalysisOptions()
"""What is reported by default."""


@dataclass(frozen=True)
class TimingOptions:
    """Whether models are timed, and how."""

    wanted: bool = False
    device: str = "cpu"
    threads: int = 1
    batch: int | None = None
    dtype: str | None = None
    channels_last: bool = False


@dataclass(frozen=True)
class RewritingOptions:
    """What is done with the advice."""

    apply: tuple[str, ...] = ()
    """`RULE[:LAYERS]` texts; all advice taken together when empty."""
    emit: str | None = None
    """The Python file that is to build the rewritten model."""
    save: str | None = None
    """Where the rewritten model's state dict goes."""
    force: bool = False
    """Whether existing files are replaced."""

    @property
    def wanted(self) -> bool:
        return bool(self.apply or self.files)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are to be written."""
        return tuple(place for place in (self.emit, self.save) if place)


@dataclass(frozen=True)
class FittingOptions:
    """Budgets that a model is fitted to, and what its weights are fitted with."""

    budgets: tuple[str, ...] = ()
    """`METRIC=AMOUNT` texts."""
    calibrate: str | None = None
    """Where calibration inputs are; beside the model, or random, when None."""
    finetune_script: str | None = None
    """The Python file that is to train the fitted model with the original as its teacher."""

    @property
    def wanted(self) -> bool:
        return bool(self.budgets)


TIMEOUT = 600.0
"""Seconds."""


@dataclass(frozen=True)
class WorkRequest:
    """What one process is to do: analyse models, time them, and carry out their advice."""

    models: tuple[ModelRequest, ...]
    options: AnalysisOptions = PLAIN
    on_this_machine: bool = False
    """Whether the device profile is measured here first, in place of the options' own."""
    timing: TimingOptions = TimingOptions()
    rewriting: RewritingOptions = RewritingOptions()
    fitting: FittingOptions = FittingOptions()
    timeout: float | None = TIMEOUT
    """Seconds that a model may take to be analysed; None for no limit. Timing has a limit of its own."""
