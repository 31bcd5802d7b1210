"""Estimates what was not measured: time, memory, energy, and whether a model fits a device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analyzer.advising import Advised
from analyzer.estimating.deployability import deployability
from analyzer.estimating.energy import energy_estimate
from analyzer.estimating.latency import time_estimate
from analyzer.estimating.peak_memory_estimate import memory_estimate
from analyzer.estimating.proposal_times import proposal_times
from analyzer.formulas.count import Count
from analyzer.values.devices import Device
from analyzer.values.estimates import Estimates, TrainingFootprint
from analyzer.values.facts import ModelFacts

__all__ = ["estimate"]


def estimate(
    count: Count,
    device: Device,
    advised: Iterable[Advised] = (),
    facts: ModelFacts | None = None,
    training: TrainingFootprint | None = None,
) -> Estimates:
    """All estimates for one device profile; proposals get times where the facts they rest on are given."""
    time = time_estimate(count, device)
    if facts is not None:
        time = replace(time, proposals=proposal_times(advised, facts, device))
    return Estimates(
        time=time,
        memory=memory_estimate(count),
        energy=energy_estimate(count),
        training=training,
        deployability=deployability(count, device),
    )
