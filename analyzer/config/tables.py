"""What a project can say in its configuration: the tables, their keys and their types."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from analyzer.values import amounts
from analyzer.values.devices import Device, device_from
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest
from analyzer.values.size_sweeps import points_of

ABSOLUTE: Final = ("params", "trainable-params", "macs", "size", "peak-memory")
"""What can be limited, by the names that configuration and report use."""
WHOLE_MODEL: Final = ("trainable-params", "peak-memory")
"""What is known of the whole model only."""


class CountLimit(int):
    """Parameters or MACs, written as in "5.0M"."""


class Bytes(int):
    """Bytes, written as in "98MiB"."""


class Amount(int):
    """A count or bytes."""


class Percent(Fraction):
    """A share, written as in "2%"."""


READERS: Final = {CountLimit: amounts.count, Bytes: amounts.nbytes, Amount: amounts.amount, Percent: amounts.percent}


class _Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename="kebab"):
    """A table whose keys are all known."""


class Limits(_Strict, frozen=True, kw_only=True):
    """Absolute limits, at most one of each kind; None where there is none."""

    params: CountLimit | None = None
    trainable_params: CountLimit | None = None
    macs: CountLimit | None = None
    size: Bytes | None = None
    """Bytes of the parameters, in the budget's dtype or else in their own."""
    peak_memory: Bytes | None = None

    @property
    def limits(self) -> dict[str, int]:
        """Limit by metric."""
        found = {metric: getattr(self, metric.replace("-", "_")) for metric in ABSOLUTE}
        return {metric: int(limit) for metric, limit in found.items() if limit is not None}


class Increase(_Strict, frozen=True, kw_only=True):
    """How much this change may add to the base: breached when both the share and the amount are exceeded."""

    params: Percent | None = None
    trainable_params: Percent | None = None
    macs: Percent | None = None
    size: Percent | None = None
    peak_memory: Percent | None = None
    min: Amount = msgspec.field(default_factory=lambda: Amount(0))
    """The amount; a smaller increase passes whatever its share."""

    @property
    def shares(self) -> dict[str, Fraction]:
        """Allowed share by metric."""
        found = {metric: getattr(self, metric.replace("-", "_")) for metric in ABSOLUTE}
        return {metric: share for metric, share in found.items() if share is not None}


class Override(Limits, frozen=True, kw_only=True):
    """Limits that hold instead of the budget's own, for a stated reason."""

    limit: Amount | None = None
    """For a budget with one absolute limit."""
    reason: str
    """Why; it stands in the report."""
    until: date | None = None
    """The last day on which it holds."""


class Budget(Limits, frozen=True, kw_only=True):
    """Named limits on a model or on a part of it."""

    name: str = ""
    """What reports call it."""
    match: str = "*"
    """The layers that count, with all below them."""
    ignore: tuple[str, ...] = ()
    """Layers that do not count, with all below them."""
    dtype: Literal["float64", "float32", "float16", "bfloat16", "float8", "int8", "int4"] | None = None
    """What `size` is computed in."""
    max_increase: Increase | tuple[Increase, ...] = ()
    """How much a change may add to the base; of several each must hold."""
    level: Literal["off", "warn", "error"] = "error"
    """Whether an excess fails, is reported only, or is not looked at."""
    message: str = ""
    """What to do about an excess; it stands in the report."""
    override: Override | None = None
    """Other limits for some time."""
    max_degree: dict[str, int] | Literal["base"] = {}
    """The highest power of a size in the MACs, by its name, 1 for linear; "base" for no higher one than there."""
    at: str = ""
    """Sizes of the inputs that it holds at, such as "batch=1,height=640"; empty for those that are analysed."""

    @property
    def title(self) -> str:
        """Its name; the part that it is on, or "budget", when it has none; and the sizes that it holds at."""
        name = self.name or (self.match if self.match != "*" else "budget")
        return f"{name} at {self.at}" if self.at else name

    def sizes(self) -> dict[str, int]:
        """The sizes of `at` by name; Problem where it is not one size for each name."""
        points = points_of((self.at,) if self.at else (), "at")
        if len(points) > 1:
            raise Problem(f"at {self.at}: a budget holds at one size; write one budget for each")
        return points[0] if points else {}

    @property
    def increases(self) -> tuple[Increase, ...]:
        return (self.max_increase,) if isinstance(self.max_increase, Increase) else self.max_increase


class ModelConfig(_Strict, frozen=True, kw_only=True):
    """A model to analyse and what it is held to."""

    target: str
    """As on the command line, relative to this file."""
    name: str = ""
    """What reports call it; its target without one."""
    formerly: str = ""
    """Its name or its target at the base, where both have changed since."""
    input: str | tuple[str, ...] = ()
    """As `--input` takes it; without it inputs are inferred."""
    checkpoint: str | None = None
    """As `--checkpoint` takes it, relative to this file."""
    set: dict[str, str | int | float | bool] = {}
    """Arguments of the builder, as `--set` takes them."""
    budgets: tuple[Budget, ...] = ()
    """What the model is held to; each is judged by itself."""

    @property
    def request(self) -> ModelRequest:
        """The model as the command line would ask for it."""
        inputs = (self.input,) if isinstance(self.input, str) else self.input
        settings = {name: str(value) for name, value in self.set.items()}
        sized = any(budget.at or budget.max_degree for budget in self.budgets)
        return ModelRequest(self.target, inputs, self.checkpoint, settings, name=self.name, symbolic=sized)


class Tables(_Strict, frozen=True, kw_only=True):
    """The tables as they are written."""

    select: tuple[str, ...] = ()
    """The rules to ask, as `--select` takes them."""
    ignore: tuple[str, ...] = ()
    """The rules not to ask, as `--ignore` takes them."""
    broken_base: Literal["fail", "absolute"] = "fail"
    """What it means that a base cannot be analysed."""
    models: tuple[ModelConfig, ...] = ()
    """What a call without a target analyses."""
    devices: dict[str, dict[str, Any]] = {}
    """Figures of the project's own devices."""
    formulas: dict[str, str] = {}
    """What the project's own operators cost: "module:function" by operator."""


class Config(Tables, frozen=True, kw_only=True):
    """All that a project says; targets and checkpoints are relative to the directory of the file."""

    file: Path = Path()

    @property
    def directory(self) -> Path:
        return self.file.parent

    def device(self, name: str) -> Device | None:
        """The project's own device of this name, None without one; Problem when its figures are no positive numbers."""
        return device_from(name, self.devices[name]) if name in self.devices else None
