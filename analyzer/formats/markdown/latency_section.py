"""The markdown report's part on measured time: conditions, the model, its layers, and promises beside the clock."""

from collections.abc import Sequence

from analyzer.formats.markdown.markdown_text import Row, bullets, code, details, named, paragraphs, prose, table
from analyzer.formats.wording import durations
from analyzer.formats.wording.durations import duration, factor, time_share
from analyzer.formats.wording.numbers import count, plural
from analyzer.values.results import Analysis
from analyzer.values.timings import Energy, Latency, LayerTiming, ProposalTiming, TargetTiming

MOST = 15
MOST_NOISE = 5
LAYERS = "layer|kind|MACs:|in context:|share:|IQR:|one call alone:|IQR:|p95:"
PROPOSALS = "suggestion|layer|MACs:|time predicted:|time measured:|between:|now:|then:"
TARGETS = "model|MACs:|ratio:|time:|IQR:|p95:|ratio:"
IN_CONTEXT = (
    "Time in context is what a layer itself takes inside the running model, all its calls together; alone is one call "
    "of it on the same input, over and over, with warm caches."
)
TURNS = (
    "What is there and what is proposed were timed in turns, on the same input at the same place; a ratio is the "
    "median over the turns. Weights of proposals are fresh: time does not depend on them."
)


def section(analysis: Analysis, figure: str | None = None) -> str:
    """Everything that was timed; empty when nothing was. `figure` is the scatter's address relative to the report."""
    latency = analysis.latency
    if latency is None:
        return ""
    whole = durations.whole(latency)
    return paragraphs(
        "**It was stopped before everything was timed:** this is what had been timed until then."
        if latency.partial
        else "",
        f"**One inference takes {prose(whole)}.**" if whole else "",
        comparison(latency.comparison),
        _energy(latency.energy),
        _promises(latency, figure),
        _layers(latency),
        _conditions(latency),
    )


def side_by_side(analyses: Sequence[Analysis]) -> str:
    """Several models timed in turns, and under which conditions; empty when they were not."""
    latency = next((analysis.latency for analysis in analyses if analysis.latency), None)
    if latency is None or not latency.comparison:
        return ""
    return paragraphs(comparison(latency.comparison), bullets(durations.conditions(latency)))


def comparison(targets: Sequence[TargetTiming]) -> str:
    """Several models timed in turns, MACs and time as ratios against the first."""
    if not targets:
        return ""
    rows = [_target(target, targets[0]) for target in targets]
    return f"Timed in turns under the same conditions, ratios against the first:\n\n{table(TARGETS, rows)}"


def _target(target: TargetTiming, first: TargetTiming) -> Row:
    macs = factor(target.macs / first.macs) if target.macs and first.macs else ""
    return (code(target.name), count(target.macs), macs, *_timing(target.timing), durations.ratio(target.ratio))


def _timing(timing: "durations.MaybeTiming") -> tuple[str, str, str]:
    """Median, interquartile range and 95th percentile, or that it is too noisy to say."""
    if timing is None:
        return "", "", ""
    if timing.noise:
        return durations.TOO_NOISY, "", ""
    return duration(timing.median), duration(timing.iqr), duration(timing.p95)


def _energy(energy: Energy | None) -> str:
    if energy is None:
        return ""
    if energy.joules is None:
        return f"Energy: unavailable, {prose(energy.source)}."
    return f"Energy: {energy.joules:.3g} J each inference over {plural(energy.runs, 'run')} ({prose(energy.source)})."


def _promises(latency: Latency, figure: str | None) -> str:
    """Each proposal's MACs beside its time, and a sentence for each rule."""
    timed = latency.proposals
    if not timed:
        return ""
    shown = sorted(timed, key=lambda item: -(item.gain or 0))[:MOST]
    rows = [_proposal(item) for item in shown]
    hidden = len(timed) - len(shown)
    rows += [(_rest(hidden, "proposal"), *[""] * PROPOSALS.count("|"))] if hidden else []
    untimed = [f"{item.rule} at {code(item.paths[0])}: {item.reason}" for item in timed if item.reason]
    return paragraphs(
        "### What is promised and what the clock says",
        bullets(durations.by_rule(latency)),
        f"![MACs against measured time, layers and proposals](<{figure}>)" if figure else "",
        table(PROPOSALS, rows),
        TURNS,
        details(f"Not timed: {plural(len(untimed), 'proposal')}", bullets(untimed)) if untimed else "",
    )


def _proposal(item: ProposalTiming) -> Row:
    rule = f"{item.rule}<br>{prose(item.name)}"
    more = f" and {len(item.paths) - 1} alike" if len(item.paths) > 1 else ""
    place = named(item.paths[0]) + more
    macs = factor(item.macs_ratio)
    if item.ratio is None:
        return rule, place, macs, _range(item.predicted), "not timed", "", "", ""
    times = (duration(timing.median) if timing else "" for timing in (item.before, item.after))
    if item.ratio.noise:
        return rule, place, macs, _range(item.predicted), durations.TOO_NOISY, "", *times
    between = _range((item.ratio.low, item.ratio.high))
    return rule, place, macs, _range(item.predicted), factor(item.ratio.median), between, *times


def _range(pair: tuple[float, float] | None) -> str:
    return f"{pair[0]:.2f} to {pair[1]:.2f}" if pair else ""


def _rest(hidden: int, noun: str) -> str:
    return f"{plural(hidden, f'more {noun}')} in the JSON report"


def _layers(latency: Latency) -> str:
    """The layers that take most time, and all that was said of them."""
    timed = [layer for layer in latency.layers if layer.in_context or layer.alone]
    if not timed:
        return ""
    ranked = sorted(timed, key=lambda layer: -durations.seconds_of(layer))
    rows = [_layer(layer, latency) for layer in ranked[:MOST]]
    every = [_layer(layer, latency) for layer in timed]
    folded = details(f"All {plural(len(timed), 'layer')} timed, in execution order", table(LAYERS, every))
    return paragraphs("### Where the time goes", table(LAYERS, rows), IN_CONTEXT, folded if len(timed) > MOST else "")


def _layer(layer: LayerTiming, latency: Latency) -> Row:
    context = layer.in_context
    inside = ("", "") if context is None else _timing(context)[:2]
    return (
        named(layer.path),
        layer.kind,
        count(layer.macs),
        inside[0],
        time_share(context, latency),
        inside[1],
        *_timing(layer.alone),
    )


def _conditions(latency: Latency) -> str:
    noises = durations.noises(latency)
    hidden = len(noises) - MOST_NOISE
    rest = [_rest(hidden, "number")] if hidden > 0 else []
    title = f"Too noisy to say: {plural(len(noises), 'number')}. Close what else runs on the machine, and time again."
    return paragraphs(
        "### How it was timed",
        bullets(durations.conditions(latency)),
        title if noises else "",
        bullets([*noises[:MOST_NOISE], *rest]),
    )
