"""Measured latency: what the clock says of a model, its layers and the advice, under stated conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from analyzer.measuring.benchmark_model import open_benchmark_model
from analyzer.measuring.interleaving import in_turns, ratio_of, timing_of
from analyzer.measuring.measured_steps import carry_out
from analyzer.measuring.measurement import Predict, Session
from analyzer.measuring.memory_limits import keep_freed_memory
from analyzer.measuring.timing_settings import Settings, check
from analyzer.values.timings import Latency, TargetTiming

if TYPE_CHECKING:
    from analyzer.advising.advisor import AdvisedModel

DEFAULT = Settings()

__all__ = ["Predict", "Settings", "measure", "side_by_side"]


def measure(
    advised_model: AdvisedModel,
    settings: Settings = DEFAULT,
    progress: Callable[[str], None] = lambda _: None,
    predict: Predict | None = None,
) -> Latency:
    """Time a model, its layers and its advice on a copy; an interruption keeps what was timed, and the result says so.

    Problem when the device is not there, when the model does not fit into memory, or when it does not run.
    """
    check(settings)
    progress(f"{advised_model.loaded.name}: getting ready to time it")
    with open_benchmark_model(advised_model, settings) as place:
        session = Session(advised_model, place, predict)
        finished = carry_out(tuple(session.steps), progress, advised_model.loaded.name, limit=settings.limit)
        return session.latency(finished)


def side_by_side(
    several: Sequence[AdvisedModel], settings: Settings = DEFAULT, progress: Callable[[str], None] = lambda _: None
) -> tuple[TargetTiming, ...]:
    """Several models in turns under the same conditions, each as a ratio against the first; none when interrupted.

    The process keeps the memory that it frees: else the larger model would decide what the smaller one pays for it.
    """
    check(settings)
    keep_freed_memory()
    progress(f"timing {', '.join(one.loaded.name for one in several)} in turns")
    with ExitStack() as open_places:
        places = [open_places.enter_context(open_benchmark_model(one, settings)) for one in several]
        try:
            series = in_turns([place.sample(place.forward) for place in places], settings.model)
        except KeyboardInterrupt:
            return ()
    return tuple(
        TargetTiming(
            one.loaded.name,
            one.count.total.macs,
            timing_of(turns),
            ratio_of(turns, series[0]) if number else None,
        )
        for number, (one, turns) in enumerate(zip(several, series, strict=True))
    )
