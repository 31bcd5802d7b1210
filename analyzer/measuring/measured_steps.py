"""Runs the steps of a measurement and reports how long the rest will take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import perf_counter


@dataclass(frozen=True)
class Step:
    """One measurement; `weight` is how long it may take, in seconds."""

    label: str
    run: Callable[[], None]
    weight: float


def run_steps(
    steps: Sequence[Step],
    progress: Callable[[str], None],
    name: str,
    clock: Callable[[], float] = perf_counter,
    limit: float = inf,
) -> bool:
    """Run the steps; False when the user interrupted them or `limit` seconds had passed: what was measured is kept."""
    begun, done, total = clock(), 0.0, sum(step.weight for step in steps)
    try:
        for number, step in enumerate(steps, start=1):
            elapsed = clock() - begun
            if elapsed > limit:
                return False
            left = _left(elapsed, done, total)
            progress(f"{name}: timing {number} of {len(steps)}, {step.label}{left}")
            step.run()
            done += step.weight
    except KeyboardInterrupt:
        return False
    return True


def _left(elapsed: float, done: float, total: float) -> str:
    """The remaining time at the pace so far; empty before the first step is done."""
    if not done:
        return ""
    seconds = elapsed * (total - done) / done
    minutes, rest = divmod(round(seconds), 60)
    return f", about {minutes} min {rest:02} s left" if minutes else f", about {rest} s left"
