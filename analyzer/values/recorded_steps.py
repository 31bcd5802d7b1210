"""What was recorded of a training step, and of the steps of a causal model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.values.graph import Trace
from analyzer.values.steps import State

Phase = Literal["forward", "backward", "recompute"]


@dataclass(frozen=True, slots=True)
class StepPlace:
    """Where in a training step an operator ran."""

    phase: Phase
    node: int
    """Autograd's number of the node: that the operator made, or in the backward the one that it works for."""


@dataclass(frozen=True)
class StepTrace:
    """The operators of a forward in training mode and of its backward, each with its place, in the same order."""

    trace: Trace
    places: tuple[StepPlace, ...]


@dataclass(frozen=True)
class StepTraces:
    """A prefill, one more token, and one token alone, as they were recorded."""

    tokens: int
    batch: int
    prefill: Trace
    decode: Trace | None = None
    token: Trace | None = None
    state: State | None = None
    reason: str = ""
    """Why there is no state, or no decode step."""
