"""Measured latency: what the clock says of a model, its layers and the advice, under stated conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from analyzer.measuring.memory import keep_freed_memory
from analyzer.measuring.progress import carry_out
from analyzer.measuring.session import Predict, Session
from analyzer.measuring.settings import Settings, check
from analyzer.measuring.turns import in_turns, ratio_of, timing_of
from analyzer.measuring.workplace import open_workplace
from analyzer.timings import Latency, TargetTiming

if TYPE_CHECKING:
    from analyzer.consulting import Consultation

DEFAULT = Settings()

__all__ = ["Predict", "Settings", "measure", "side_by_side"]


def measure(
    consulted: Consultation,
    settings: Settings = DEFAULT,
    report: Callable[[str], None] = lambda _: None,
    predict: Predict | None = None,
) -> Latency:
    """Time a model, its layers and its advice on a copy; an interruption keeps what was timed, and the result says so.

    Problem when the device is not there, when the model does not fit into memory, or when it does not run.
    """
    check(settings)
    report(f"{consulted.subject.name}: getting ready to time it")
    with open_workplace(consulted, settings) as place:
        session = Session(consulted, place, predict)
        finished = carry_out(tuple(session.steps), report, consulted.subject.name, limit=settings.limit)
        return session.latency(finished)


def side_by_side(
    several: Sequence[Consultation], settings: Settings = DEFAULT, report: Callable[[str], None] = lambda _: None
) -> tuple[TargetTiming, ...]:
    """Several models in turns under the same conditions, each as a ratio against the first; none when interrupted.

    The process keeps the memory that it frees: else the larger model would decide what the smaller one pays for it.
    """
    check(settings)
    keep_freed_memory()
    report(f"timing {', '.join(one.subject.name for one in several)} in turns")
    with ExitStack() as open_places:
        places = [open_places.enter_context(open_workplace(one, settings)) for one in several]
        try:
            series = in_turns([place.sample(place.forward) for place in places], settings.model)
        except KeyboardInterrupt:
            return ()
    return tuple(
        TargetTiming(
            one.subject.name,
            one.count.total.macs,
            timing_of(turns),
            ratio_of(turns, series[0]) if number else None,
        )
        for number, (one, turns) in enumerate(zip(several, series, strict=True))
    )
