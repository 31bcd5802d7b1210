"""Measured latency: what the clock says of a model, its layers and the advice, under stated conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from analyzer.measuring.benchmark_model import open_benchmark_model
from analyzer.measuring.interleaving import bare, interleave, ratio_of, timing_of
from analyzer.measuring.measured_steps import run_steps
from analyzer.measuring.measurement import Measurement, Predict
from analyzer.measuring.memory_limits import keep_freed_memory
from analyzer.measuring.timing_settings import Settings, check
from analyzer.values.timings import Latency, NoiseWords, TargetTiming

if TYPE_CHECKING:
    from analyzer.advising.advisor import AdvisedModel

DEFAULT = Settings()

__all__ = ["Predict", "Settings", "measure", "side_by_side"]


def measure(
    advised_model: AdvisedModel,
    settings: Settings = DEFAULT,
    progress: Callable[[str], None] = lambda _: None,
    predict: Predict | None = None,
    words: NoiseWords = bare,
) -> Latency:
    """Time the whole model, each layer and each proposal on a copy of the model; all times are in seconds.

    `words` says what makes a number untrustworthy.

    An interruption or the time limit keeps what was timed so far and sets `partial`. Raises Problem when the device is
    missing, when weights and activations exceed free memory, or when the forward does not run.
    """
    check(settings)
    progress(f"{advised_model.loaded.name}: getting ready to time it")
    with open_benchmark_model(advised_model, settings) as benchmark:
        session = Measurement(advised_model, benchmark, predict, words)
        finished = run_steps(tuple(session.steps), progress, advised_model.loaded.name, limit=settings.limit)
        return session.latency(finished)


def side_by_side(
    several: Sequence[AdvisedModel],
    settings: Settings = DEFAULT,
    progress: Callable[[str], None] = lambda _: None,
    words: NoiseWords = bare,
) -> tuple[TargetTiming, ...]:
    """Time several models interleaved (A B A B ...), each as a ratio to the first; empty when interrupted.

    The process keeps freed memory: else the larger model would decide how often the smaller one maps memory anew.
    """
    check(settings)
    keep_freed_memory()
    progress(f"timing {', '.join(one.loaded.name for one in several)} in turns")
    with ExitStack() as stack:
        opened = [stack.enter_context(open_benchmark_model(one, settings)) for one in several]
        try:
            series = interleave([benchmark.sample(benchmark.forward) for benchmark in opened], settings.model)
        except KeyboardInterrupt:
            return ()
    return tuple(
        TargetTiming(
            one.loaded.name,
            one.count.total.macs,
            timing_of(turns, words),
            ratio_of(turns, series[0], words) if number else None,
        )
        for number, (one, turns) in enumerate(zip(several, series, strict=True))
    )
