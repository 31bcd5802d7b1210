"""How a model stands to its limits and to its base: what the gate says, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from analyzer.values.counts import Layer, LayerArgument, Lines, Total

DEGREE: Final = "degree"
"""The metric of a limit on the highest power of a size in the MACs."""
COMPARISON: Final = "comparison with the base"
"""What is absent where the base could not be analysed and absolute limits alone decide."""


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
class OverrideTerms:
    """Limits that hold instead of a budget's own, and why."""

    limits: dict[str, int] = field(hash=False)
    """By metric, in its unit."""
    reason: str
    until: str | None = None
    """The last day, as in 2031-12-31; None for ever."""


@dataclass(frozen=True, slots=True)
class BudgetTerms:
    """What a budget holds a model to."""

    name: str
    limits: dict[str, int] = field(hash=False)
    """By metric, in its unit."""
    growth: dict[str, tuple[Growth, ...]] = field(hash=False)
    """By metric, each of which may be limited several times."""
    level: str = "error"
    match: str = "*"
    ignore: tuple[str, ...] = ()
    dtype: str | None = None
    override: OverrideTerms | None = None
    at: str = ""
    """Sizes of the inputs; empty for those that are analysed."""
    max_degree: dict[str, int] | str = field(default_factory=dict, hash=False)
    """The highest power of each size in the MACs, or "base" for the base's."""


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """A budget that differs from the base's; `before` is None for a new one, `after` for one that is gone."""

    before: BudgetTerms | None
    after: BudgetTerms | None


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One limit and how the model stands to it."""

    name: str
    """The budget's name: from the configuration, or "command line"."""
    metric: str
    """"params", "trainable-params", "macs", "size" (bytes), "peak-memory" (bytes) or "degree" (a power)."""
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
    slack: int | None = None
    """A lower limit that would do, once this change has made room for it."""
    override: OverrideTerms | None = None
    """The exception that sets this limit, or one that has ended and sets it no more."""
    usual: int | None = None
    """What the limit would be without the exception that sets it."""
    growth: Growth | None = None
    """What a limit on growth allows; None for an absolute limit."""
    remedy: Remedy | None = None
    """What would bring it under its limit again; None where it is not over it."""
    dimension: str = ""
    """Of a degree: the size of the inputs that MACs grow with."""
    layers: tuple[str, ...] = ()
    """Of a degree: the layers whose MACs grow with a higher power than is allowed."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One thing in which two layers differ."""

    setting: str
    """A constructor argument such as "kernel_size", or "kind", "settings", "input_shapes", "params" or "calls"."""
    before: LayerArgument
    after: LayerArgument


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
    changed: tuple[SettingChange, ...] = ()
    """What differs, the most important first."""
    below: int = 0
    """Layers that moved together with it."""


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
    budgets: tuple[BudgetChange, ...] = ()
    """Budgets that differ between base and head."""
    models_gone: tuple[str, ...] = ()
    """Models of the base's configuration that this one no longer has; reported with the first model."""
    changed_lines: tuple[Lines, ...] | None = None
    """What the change touched; None where the base is a report, which does not tell."""
