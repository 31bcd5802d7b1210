"""Measured times as people read them, and what they amount to as plain sentences."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from analyzer.formats.wording.numbers import ITSELF, UNKNOWN, plural, shape
from analyzer.values.results import Analysis
from analyzer.values.timings import Latency, LayerTiming, Noise, ProposalTiming, TimeRatio, Timing

MaybeTiming = Timing | None
TOO_NOISY = "too noisy to say"
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
SAME = 0.03
"""Ratios within so much of 1 are called "the same"."""


def duration(seconds: float | None) -> str:
    """Three digits in the fitting unit: "1.23 ms", "45.6 µs"."""
    if seconds is None:
        return UNKNOWN
    unit, name = next(((unit, name) for unit, name in UNITS if seconds >= unit), UNITS[-1])
    digits = f"{seconds / unit:.3g}"
    # A thousand is written out where three digits would make it a power of ten.
    return f"{float(digits):g} {name}" if "e" in digits else f"{digits} {name}"


def noise_words(noise: Noise) -> str:
    """Why a time or a ratio is not to be trusted, as a clause."""
    first, second = (duration(value) if noise.unit == "seconds" else f"{value:.2f}" for value in noise.values)
    if noise.kind == "disagreement":
        return f"two interleaved series of the same disagree: {first} and {second}"
    return f"half of the runs lie between {first} and {second}, the others outside"


def factor(value: float | None) -> str:
    """ "×0.13"."""
    return UNKNOWN if value is None else f"×{value:.2f}"


def ratio(measured: TimeRatio | None) -> str:
    """The ratio of two times, or that it is too noisy; nothing where there is none."""
    if measured is None:
        return ""
    return TOO_NOISY if measured.noise else factor(measured.median)


def whole(latency: Latency) -> str:
    """The model's time: in a process that has just begun, and in one that keeps its memory."""
    parts = [sentence(latency.model)] if latency.model else []
    parts += [f"{sentence(latency.kept)} where the process keeps the memory that it frees"] if latency.kept else []
    return "; ".join(parts)


def sentence(timing: Timing) -> str:
    """Median and spread as a clause."""
    if timing.noise:
        return f"about {duration(timing.median)}, but that is {TOO_NOISY}: {timing.noise}"
    spread = f"IQR {duration(timing.iqr)}, p95 {duration(timing.p95)}"
    return f"{duration(timing.median)} ({spread}, least {duration(timing.minimum)}, {plural(timing.runs, 'run')})"


def seconds_of(layer: LayerTiming) -> float:
    """In context where known, else all its calls as if alone."""
    if layer.in_context:
        return layer.in_context.median
    return layer.alone.median * layer.calls if layer.alone else 0.0


def time_share(timing: MaybeTiming, latency: Latency) -> str:
    """Part of all layers' time in context, in percent."""
    whole = sum(layer.in_context.median for layer in latency.layers if layer.in_context)
    return f"{100 * timing.median / whole:.1f} %" if timing and whole and not timing.noise else ""


def by_rule(latency: Latency) -> Iterator[str]:
    """For each rule one sentence: where its proposals take which part of the time, for which part of the MACs."""
    if latency.together:
        yield _together(latency.together)
    places = {layer.path: number for number, layer in enumerate(latency.layers)}
    ordered = sorted(latency.proposals, key=lambda item: (item.rule, places.get(item.paths[0], 0)))
    for _, same in groupby(ordered, key=lambda item: item.rule):
        yield _one_rule(list(same))


def summary(latency: Latency) -> Iterator[str]:
    """What a terminal shows: the model's time, whether all was timed, and a sentence for each rule."""
    if latency.model or latency.kept:
        threads = plural(latency.conditions.threads, "thread")
        yield f"one inference on {latency.conditions.device}, {threads}: {whole(latency)}"
    if latency.partial:
        yield "interrupted: this is what had been timed until then"
    yield from by_rule(latency)


def in_turns(analyses: Sequence[Analysis]) -> Iterator[str]:
    """Of several models that were timed in turns, each one's time and its ratio against the first."""
    timed = next((analysis.latency.comparison for analysis in analyses if analysis.latency), ())
    for target in timed:
        against = f", {ratio(target.ratio)} against {timed[0].name}" if target.ratio else ""
        yield f"{target.name}: {sentence(target.timing)}{against}"


def _together(taken: ProposalTiming) -> str:
    if taken.ratio is None:
        return f"The best advice together was not timed: {taken.reason}."
    promised = f"{factor(taken.macs_ratio)} the MACs" if taken.macs_ratio is not None else "its MACs"
    if taken.ratio.noise:
        return f"The best advice of all layers together, {promised}: {TOO_NOISY}, {taken.ratio.noise}."
    return f"The best advice of all layers together, {promised}, takes {factor(taken.ratio.median)} the time."


def _one_rule(items: Sequence[ProposalTiming]) -> str:
    timed = [item for item in items if item.ratio and not item.ratio.noise]
    name = f"{items[0].rule} {items[0].name}"
    unsaid = sum(len(item.paths) for item in items if item not in timed)
    missing = f"; {TOO_NOISY} or not timed in {plural(unsaid, 'layer')}" if unsaid else ""
    if not timed:
        return f"{name}: {TOO_NOISY} or not timed in all of {plural(unsaid, 'layer')}."
    if len(timed) == 1:
        return f"{name} takes {_in_place(timed[0])}{missing}."
    useless = sum(len(item.paths) for item in timed if item.ratio and item.ratio.median > 1 - SAME)
    nothing = f"; it gains nothing in {plural(useless, 'layer')}" if useless else ""
    return f"{name} takes {_in_place(timed[0])} and {_in_place(timed[-1])}{nothing}{missing}."


def _in_place(item: ProposalTiming) -> str:
    """ "0.95 of the time in conv1, for 0.14 of the MACs"."""
    assert item.ratio is not None
    macs = f" (for {item.macs_ratio:.2f} of the MACs)" if item.macs_ratio is not None else ""
    return f"{item.ratio.median:.2f} of the time in {item.paths[0] or ITSELF}{macs}"


def conditions(latency: Latency) -> Iterator[str]:
    """Under what everything was timed, one sentence a point."""
    said = latency.conditions
    layout = ", channels last" if said.channels_last else ""
    threads = plural(said.threads, "thread") + (f" on {plural(said.cores, 'core')}" if said.cores else "")
    yield f"On {said.device} ({said.processor}), {threads}, {said.dtype}{layout}, torch {said.torch}."
    inputs = ", ".join(map(shape, said.inputs))
    yield f"Input {inputs}, the same in every run; eval and inference mode; weights {said.weights}."
    if said.memory_kept:
        yield (
            "Layers and proposals were timed while the process kept the memory that it freed: a process that has just "
            "begun maps it anew in every run, which slows down layers with large outputs above all."
        )
    if said.load is not None:
        busy = ": other work competed with it" if said.cores and said.load > said.cores else ""
        yield f"Load average {said.load:.2f} when it began{busy}."
    if said.hooks is not None:
        yield f"Watching costs {duration(said.hooks)} a call, which was taken off the times in context."
    yield "Two interleaved series of each number were compared; where they disagree it says so instead of a number."


def noises(latency: Latency) -> list[str]:
    """What could not be said, and why."""
    timings = [("the whole model", latency.model), ("the whole model with memory kept", latency.kept)]
    timings += [(f"{layer.path} in context", layer.in_context) for layer in latency.layers]
    timings += [(f"{layer.path} alone", layer.alone) for layer in latency.layers if not layer.alike]
    found = [f"{name}: {timing.noise}" for name, timing in timings if timing and timing.noise]
    proposals = [(f"{item.rule} at {item.paths[0]}", item.ratio) for item in latency.proposals]
    proposals += [(target.name, target.ratio) for target in latency.comparison]
    return found + [f"{name}: {measured.noise}" for name, measured in proposals if measured and measured.noise]
