"""Peaks by arithmetic, and against torch's profiler."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from analyzer.estimating.onednn import workspace_bytes
from analyzer.estimating.peak_memory_estimate import memory_estimate
from analyzer.formulas.count import Count
from analyzer.formulas.peak_memory import held_bytes
from analyzer.values.estimates import HeldTensor, MemoryPoint, StoredBytes

Counted = Callable[..., Count]


def test_a_chain_holds_two_tensors_at_a_time(counted: Counted) -> None:
    found = memory_estimate(counted(nn.Sequential(nn.Linear(8, 32), nn.Linear(32, 64), nn.Linear(64, 2)), 1, 8))
    assert found.peak_bytes == found.tensor_bytes == (32 + 64) * 4
    assert (found.layer, found.operator) == ("1", "aten.addmm")
    assert found.input_bytes == 8 * 4
    assert found.curve == (MemoryPoint("0", 32 * 4), MemoryPoint("1", 96 * 4), MemoryPoint("2", 66 * 4))


def test_what_is_alive_at_the_peak(counted: Counted) -> None:
    found = memory_estimate(counted(nn.Sequential(nn.Linear(8, 32), nn.Linear(32, 64), nn.Linear(64, 2)), 1, 8))
    assert found.alive == (HeldTensor("1", "aten.addmm", 64 * 4), HeldTensor("0", "aten.addmm", 32 * 4))


@pytest.mark.parametrize("name", ["blocked", "unfolded", "depthwise", "pooled"])
def test_what_is_alive_and_the_workspace_are_the_peak(counted: Counted, name: str) -> None:
    count = counted(MODELS[name].eval(), 1, 3, 64, 64)
    found = memory_estimate(count)
    held = sum(piece.nbytes for piece in found.alive)
    peaks = {
        base + workspace_bytes(op): workspace_bytes(op)
        for base, op in zip(held_of(count), count.trace.graph, strict=True)
    }
    assert held + peaks[found.peak_bytes] == found.peak_bytes


def held_of(count: Count) -> tuple[int, ...]:
    return held_bytes(count.trace.allocations, len(count.trace.graph))


def test_parameters_and_buffers_by_data_type(counted: Counted) -> None:
    found = memory_estimate(counted(nn.BatchNorm1d(8), 2, 8))
    assert found.stored == (StoredBytes("float32", 16 * 4, 16 * 4), StoredBytes("int64", 0, 8))


def test_nothing_that_runs_holds_nothing(counted: Counted) -> None:
    found = memory_estimate(counted(nn.Identity(), 1, 8))
    assert (found.peak_bytes, found.layer, found.operator, found.curve) == (0, "", "", ())


MODELS = {
    "blocked": nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64)),
    "unfolded": nn.Sequential(nn.AdaptiveAvgPool2d(16), nn.Conv2d(3, 32, 3), nn.ReLU(True), nn.Conv2d(32, 64, 3)),
    "depthwise": nn.Sequential(nn.Conv2d(3, 32, 1), nn.Conv2d(32, 32, 3, 2, 1, groups=32), nn.Conv2d(32, 96, 1)),
    "pooled": nn.Sequential(nn.Conv2d(3, 16, 1), nn.MaxPool2d(3, 2), nn.Conv2d(16, 8, 5), nn.Flatten()),
}


@pytest.mark.parametrize("name", MODELS)
def test_within_five_percent_of_the_profiler(counted: Counted, name: str) -> None:
    model, image = MODELS[name].eval(), torch.zeros(1, 3, 64, 64)
    assert memory_estimate(counted(model, 1, 3, 64, 64)).peak_bytes == pytest.approx(profiled(model, image), rel=0.05)


def profiled(model: nn.Module, image: torch.Tensor) -> int:
    """The most bytes that were allocated at once over those before the forward."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            kept = model(image)
    finally:
        torch.set_num_threads(threads)
    del kept
    held = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak
