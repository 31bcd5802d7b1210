"""Estimates what was not measured: time, memory, energy, and whether a model fits a device."""

from __future__ import annotations

from analyzer.estimating.deployability import deployability
from analyzer.estimating.energy import energy_estimate
from analyzer.estimating.latency import time_estimate
from analyzer.estimating.peak_memory_estimate import memory_estimate
from analyzer.formulas.count import Count
from analyzer.values.devices import Device
from analyzer.values.estimates import Estimates, TimeEstimate, TrainingFootprint

__all__ = ["estimate"]


def estimate(
    count: Count,
    device: Device,
    time: TimeEstimate | None = None,
    training: TrainingFootprint | None = None,
) -> Estimates:
    """Seconds, bytes and joules on one device profile; `time` is the estimate of the time where it was made already."""
    return Estimates(
        time=time or time_estimate(count, device),
        memory=memory_estimate(count),
        energy=energy_estimate(count),
        training=training,
        deployability=deployability(count, device),
    )
