"""Forwards that were recorded to tell of a model's steps."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.values.graph import Trace
from analyzer.values.steps import State


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
