"""What the clock said: plain frozen values, in seconds; a number that noise has made worthless says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Noise:
    """Why a number is not to be trusted: its interleaved halves disagree, or its runs spread too widely."""

    kind: Literal["disagreement", "spread"]
    values: tuple[float, float]
    """Medians of the halves, or the quartiles."""
    unit: Literal["seconds", "ratio"]


NoiseWords = Callable[[Noise], str]
"""Makes the clause that a timing carries."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one thing takes, in seconds; short things are timed in blocks, whose runs count as equally long."""

    median: float
    iqr: float
    """Between the quartiles lies half of the runs."""
    p95: float
    minimum: float
    runs: int
    """Blocks that were timed."""
    noise: str = ""
    """Why the number is not to be trusted, as a clause; empty when it is."""


@dataclass(frozen=True, slots=True)
class TimeRatio:
    """Time of one thing over that of another, timed in turns: median and quartiles over the turns."""

    median: float
    low: float
    high: float
    noise: str = ""
    """Why the number is not to be trusted, as a clause; empty when it is."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what everything was timed."""

    device: str
    processor: str
    dtype: str
    threads: int
    inputs: tuple[tuple[int, ...], ...]
    channels_last: bool
    weights: str
    """Where the weights' values come from, in words."""
    torch: str
    memory_kept: bool = False
    """Whether the process kept freed memory while layers and proposals were timed, instead of mapping it anew."""
    load: float | None = None
    """Processes that wanted to run, on average over the minute before; None where the system does not tell."""
    cores: int | None = None
    hooks: float | None = None
    """Seconds that each call of a layer took longer because it was watched; taken off the times in context."""


@dataclass(frozen=True, slots=True)
class LayerTiming:
    """A layer inside the running model, all its calls together, and one call of it alone on the same input."""

    path: str
    kind: str
    calls: int
    macs: int | None
    in_context: Timing | None = None
    """What the layer itself takes: without the layers inside it, and without what watching costs."""
    alone: Timing | None = None
    alike: str | None = None
    """The equal layer, reading inputs of equal shape, that was timed alone in its place."""
    reason: str = ""
    """Why it was not timed alone."""


@dataclass(frozen=True, slots=True)
class ProposalTiming:
    """A proposal beside what it replaces: the same place of the model, the same input, in turns."""

    rule: str
    name: str
    paths: tuple[str, ...]
    """The layers that it was proposed for; the first was timed, the others are equal to it."""
    macs_ratio: float | None
    """MACs afterwards over MACs now, of all layers that change; None where there are none now."""
    before: Timing | None = None
    after: Timing | None = None
    ratio: TimeRatio | None = None
    predicted: tuple[float, float] | None = None
    """The range of the time ratio that the device profile promises."""
    reason: str = ""
    """Why it was not timed."""

    @property
    def gain(self) -> float | None:
        """Seconds saved in each layer; None where that is not known or noise hides it."""
        if self.before is None or self.after is None or self.ratio is None or self.ratio.noise:
            return None
        return self.before.median - self.after.median


@dataclass(frozen=True, slots=True)
class Energy:
    """What the machine's own counters say of one run; `joules` is None where there are none."""

    joules: float | None
    source: str
    """Which counter was read and what it covers, or why there is none."""
    runs: int = 0


@dataclass(frozen=True, slots=True)
class TargetTiming:
    """One of several models that were timed in turns."""

    name: str
    macs: int | None
    timing: Timing
    ratio: TimeRatio | None = None
    """Against the first; None for the first itself."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Everything that was timed of one model."""

    conditions: Conditions
    model: Timing | None = None
    """The whole forward, as in any process that has just begun."""
    kept: Timing | None = None
    """The whole forward where the process keeps the memory that it frees, as the layers and proposals were timed."""
    layers: tuple[LayerTiming, ...] = ()
    """In execution order."""
    proposals: tuple[ProposalTiming, ...] = ()
    """As the advice is ranked."""
    together: ProposalTiming | None = None
    """The whole model with the best proposal of each layer, beside the model as it is."""
    energy: Energy | None = None
    comparison: tuple[TargetTiming, ...] = ()
    partial: bool = False
    """Whether it was stopped before everything was timed."""
