import pytest
import torch
from torch import nn

from analyzer.measuring import layer_profiler
from analyzer.measuring.layer_profiler import (
    CPU,
    Clock,
    LayerSpan,
    Overhead,
    corrected,
    fold,
    profiled,
    profiled_forward,
)


def between(begin, end):
    return end - begin


def test_a_layer_has_its_own_time_without_the_layers_in_it():
    events = [
        ("", True, 0.0),
        ("a", True, 1.0),
        ("a.b", True, 2.0),
        ("a.b", False, 5.0),
        ("a", False, 6.0),
        ("c", True, 7.0),
        ("c", False, 9.0),
        ("", False, 10.0),
    ]
    found = fold(events, between)
    assert found == {
        "a.b": LayerSpan(3.0, 1, 0),
        "a": LayerSpan(2.0, 1, 1),
        "c": LayerSpan(2.0, 1, 0),
        "": LayerSpan(3.0, 1, 2),
    }
    assert sum(span.seconds for span in found.values()) == 10.0


def test_calls_of_one_layer_are_added():
    events = [
        ("", True, 0.0),
        ("a", True, 1.0),
        ("a", False, 2.0),
        ("a", True, 3.0),
        ("a", False, 6.0),
        ("", False, 7.0),
    ]
    assert fold(events, between)["a"] == LayerSpan(4.0, 2, 0)


def test_what_watching_costs_is_taken_off():
    assert (
        corrected(LayerSpan(10.0, calls=2, children=3), Overhead(inside=0.5, outside=1.0)) == 10.0 - 2 * 0.5 - 3 * 1.0
    )
    assert corrected(LayerSpan(1.0, calls=2, children=3), Overhead(inside=0.5, outside=1.0)) == 0.0


def test_watching_sees_every_call_and_leaves_nothing_behind(net):
    with profiled(net, Clock(iter(range(1000)).__next__, between)) as events:
        found = profiled_forward(lambda: net(torch.ones(1, 3, 8, 8)), events, CPU)
    assert set(found) == {path for path, _ in net.named_modules()}
    assert found[""].children == 7
    # Between begin and end of a layer without layers in it, this clock moves on by one.
    assert {span.seconds for path, span in found.items() if path} == {1}
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())


def test_hooks_are_gone_when_the_forward_fails(net):
    with pytest.raises(RuntimeError), profiled(net, CPU):
        net(torch.ones(1, 4, 8, 8))
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())


def test_a_scripted_layer_is_not_watched():
    scripted = torch.jit.script(nn.Sequential(nn.ReLU()))
    model = nn.Sequential(scripted, nn.Identity())
    with profiled(model, CPU) as events:
        found = profiled_forward(lambda: model(torch.ones(1)), events, CPU)
    assert set(found) == {"", "1"}


def test_overhead_is_measured_by_layers_that_do_nothing():
    """A clock that moves on by one whenever it is read: 200 layers, of which each is read twice."""
    found = layer_profiler.overhead(Clock(iter(range(10**6)).__next__, between))
    assert found.inside == 1
    # Unwatched, the chain's two stamps are one apart; watched, its own time is 200 steps between layers and one more.
    assert found.outside == pytest.approx((layer_profiler.CHAIN + 1) / layer_profiler.CHAIN - 1 / layer_profiler.CHAIN)


def test_on_a_gpu_events_are_read_after_everything_is_done(monkeypatch):
    log = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            log.append("record")

        def elapsed_time(self, end):
            log.append("read")
            return 2.0

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: log.append(f"wait for {device}"))
    clock = layer_profiler.clock_for("cuda:0")
    model = nn.Sequential(nn.Identity())
    with profiled(model, clock) as events:
        found = profiled_forward(lambda: model(torch.ones(1)), events, clock)
    assert log == ["record"] * 4 + ["wait for cuda:0"] + ["read"] * 3
    assert found["0"].seconds == 0.002


def test_the_processor_has_its_own_clock():
    assert layer_profiler.clock_for("cpu") is CPU
