"""What a model takes and what proposals save, as whole nanoseconds to be added up and compared."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

from analyzer.estimating.latency import time_estimate
from analyzer.estimating.proposal_times import proposal_timer
from analyzer.formulas.count import Count
from analyzer.values.convolution import Proposal
from analyzer.values.devices import Device
from analyzer.values.estimates import Span
from analyzer.values.facts import ModelFacts


def clock(facts: ModelFacts, device: Device) -> tuple[Callable[[Count], int], Callable[[Proposal], int]]:
    """For a device: from a count to its estimated time, and from a proposal to what it saves, in nanoseconds."""
    timer = proposal_timer(facts, device)

    def saves(proposal: Proposal) -> int:
        time = timer("", "", proposal)
        return 0 if time is None else _middle(time.before) - _middle(time.after)

    return lambda count: _middle(time_estimate(count, device).seconds), saves


def _middle(span: Span) -> int:
    """Of a range whose ends are a ratio apart."""
    return round(1e9 * sqrt(span.low * span.high))
