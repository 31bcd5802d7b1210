"""Each layer's own time inside the running model: children subtracted, the cost of the timing hooks too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn

CHAIN = 200
"""Identity layers in the chain on which the hooks' own cost is measured."""
REPEATS = 9

Event = tuple[str, bool, Any]
"""A layer's path, whether its call begins (else it ends), and the time stamp."""


@dataclass(frozen=True)
class Clock:
    """Takes time stamps; `seconds` of two stamps is valid once `wait` has returned."""

    stamp: Callable[[], Any]
    seconds: Callable[[Any, Any], float]
    wait: Callable[[], None] = lambda: None


CPU = Clock(perf_counter, lambda begin, end: end - begin)


def clock_for(device: str) -> Clock:
    """`time.perf_counter`, or CUDA events, which are recorded when the GPU reaches them."""
    if not device.startswith("cuda"):
        return CPU

    def stamp() -> Any:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def wait() -> None:
        torch.cuda.synchronize(device)

    return Clock(stamp, lambda begin, end: begin.elapsed_time(end) / 1e3, wait)


@dataclass(frozen=True)
class Overhead:
    """Seconds that the hooks add to each call: inside the layer's span, and to its parent's."""

    inside: float = 0.0
    outside: float = 0.0


@dataclass
class LayerSpan:
    """All calls of one layer in one forward: own seconds, calls, and calls of its children."""

    seconds: float = 0.0
    calls: int = 0
    children: int = 0


def profiled_forward(forward: Callable[[], object], events: list[Event], clock: Clock) -> Mapping[str, LayerSpan]:
    """One forward of a profiled module, path to span; the root's path is ""."""
    events.clear()
    forward()
    clock.wait()
    return fold(events, clock.seconds)


def fold(events: Sequence[Event], seconds: Callable[[Any, Any], float]) -> dict[str, LayerSpan]:
    """Each layer's own time: end minus begin, minus the calls of its children."""
    spans: dict[str, LayerSpan] = defaultdict(LayerSpan)
    running: list[tuple[str, Any]] = []
    for path, begins, stamp in events:
        if begins:
            running.append((path, stamp))
            continue
        _, begun = running.pop()
        span = spans[path]
        span.calls += 1
        span.seconds += seconds(begun, stamp)
        if running:
            outer = spans[running[-1][0]]
            outer.seconds -= seconds(begun, stamp)
            outer.children += 1
    return spans


def corrected(span: LayerSpan, overhead: Overhead) -> float:
    """The layer's own seconds with the hooks' cost taken off, at least 0."""
    return max(span.seconds - span.calls * overhead.inside - span.children * overhead.outside, 0.0)


@contextmanager
def profiled(module: nn.Module, clock: Clock) -> Iterator[list[Event]]:
    """Record an event when each layer's call begins and ends; the hooks are removed on every exit."""
    events: list[Event] = []
    handles = [handle for path, layer in module.named_modules() for handle in _profile(path, layer, events, clock)]
    try:
        yield events
    finally:
        for handle in handles:
            handle.remove()


def _profile(path: str, layer: nn.Module, events: list[Event], clock: Clock) -> Iterator[Any]:
    """The two hooks of one layer; none on a ScriptModule, which would not call them."""
    stamp = clock.stamp

    def begin(*_: Any) -> None:
        events.append((path, True, stamp()))

    def end(*_: Any) -> None:
        events.append((path, False, stamp()))

    if isinstance(layer, torch.jit.ScriptModule):
        return
    yield layer.register_forward_pre_hook(begin)
    yield layer.register_forward_hook(end)


def overhead(clock: Clock) -> Overhead:
    """The hooks' cost on this machine, measured on a chain of `nn.Identity` with and without hooks."""
    chain = nn.Sequential(*(nn.Identity() for _ in range(CHAIN))).eval()
    given = torch.empty(0)
    bare = median(_seconds_of(lambda: chain(given), clock) for _ in range(REPEATS)) / CHAIN
    with profiled(chain, clock) as events:
        spans = [profiled_forward(lambda: chain(given), events, clock) for _ in range(REPEATS)]
    inside = median(median(span.seconds for path, span in found.items() if path) for found in spans)
    outside = median(found[""].seconds for found in spans) / CHAIN - bare
    return Overhead(inside, max(outside, 0.0))


def _seconds_of(run: Callable[[], object], clock: Clock) -> float:
    begun = clock.stamp()
    run()
    ended = clock.stamp()
    clock.wait()
    return clock.seconds(begun, ended)
