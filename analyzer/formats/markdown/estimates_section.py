"""The markdown report's part on what is estimated and was never measured: time, memory, energy, small devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from analyzer.formats.markdown.markdown_text import Row, bullets, code, details, named, paragraphs, prose, table
from analyzer.formats.wording.numbers import size
from analyzer.formats.wording.quantities import joules, seconds, share_of, span
from analyzer.values.estimates import (
    Deployability,
    EnergyEstimate,
    Estimates,
    EstimatorError,
    LayerTime,
    MemoryEstimate,
    ProposalTime,
    TimeEstimate,
    TrainingFootprint,
)

MOST = 10
LAYERS = "layer|time|bound|attainable share of peak:|share of the model's time:"
PROPOSALS = "suggestion|layer|now|afterwards|ratio:|bound"
MEMORY = "what|bytes:"
ENERGY = "layer|arithmetic:|data movement:|share:"
FITS = "data type|flash needed:|RAM needed:|what breaks it"
Item = TypeVar("Item")


def section(estimates: Estimates | None, figure: str | None = None) -> str:
    """Everything that was estimated; `figure` is the address of the memory curve."""
    if estimates is None:
        return ""
    return paragraphs(
        time(estimates.time),
        memory(estimates.memory, figure),
        training(estimates.training),
        energy(estimates.energy),
        deployability(estimates.deployability),
    )


def time(estimate: TimeEstimate) -> str:
    """The model's total, the layers and proposals that matter most, and what the ranges rest on."""
    head = f"**Time on {prose(estimate.device)}: {span(estimate.seconds, seconds)}**, estimated and never timed."
    slowest = _largest(estimate.layers, lambda layer: layer.seconds.high)
    whole = sum(layer.seconds.high for layer in estimate.layers)
    rows = [_layer(layer, whole) for layer in slowest]
    return paragraphs(
        f"{head} {_bounds(estimate.layers)}",
        table(LAYERS, rows),
        table(PROPOSALS, [_proposal(item) for item in estimate.proposals[:MOST]]),
        _basis([*estimate.assumptions, estimate.source, *_error(estimate.error)]),
    )


def _layer(layer: LayerTime, whole: float) -> Row:
    attainable = share_of(layer.attainable, 1) if layer.flops else ""
    part = share_of(layer.seconds.high, whole)
    return named(layer.path), span(layer.seconds, seconds), _bound(layer.bound), attainable, part


def _bound(bound: str) -> str:
    return "calls" if bound == "overhead" else bound


def _bounds(layers: Sequence[LayerTime]) -> str:
    """How the time is divided: "62 % of it in layers bound by compute, 30 % by memory"."""
    whole = sum(layer.seconds.high for layer in layers)
    parts = []
    for bound in ("compute", "memory", "overhead"):
        of_bound = sum(layer.seconds.high for layer in layers if layer.bound == bound)
        if of_bound:
            parts.append(f"{share_of(of_bound, whole)} by {'calls themselves' if bound == 'overhead' else bound}")
    return f"Of it, by what bounds the layers: {', '.join(parts)}." if parts else ""


def _proposal(item: ProposalTime) -> Row:
    before, after = span(item.before, seconds), span(item.after, seconds)
    return item.rule, named(item.path), before, after, f"×{item.ratio:.2g}", _bound(item.bound)


def _error(error: EstimatorError | None) -> tuple[str, ...]:
    if error is None:
        return ("the estimator was not calibrated on this device",)
    return (
        f"where it was calibrated ({error.conditions}), the estimator was off by {error.median:.0%} in the median and "
        f"by less than {error.p90:.0%} for nine of ten of {error.networks} networks, each left out of its own "
        f"calibration (median {error.family_median:.0%} with its whole family left out, rank correlation "
        f"{error.rank_correlation:.3f})",
        f"it was off by {error.unseen_median:.0%} in the median and by less than {error.unseen_p90:.0%} for nine of "
        f"ten of {error.unseen} networks of another collection; the range of the total is as wide as that",
    )


def memory(estimate: MemoryEstimate, figure: str | None = None) -> str:
    """The peak, where it is, what is stored beside it."""
    where = f"in {named(estimate.layer)} ({code(estimate.operator)})" if estimate.operator else ""
    rows: list[Row] = [
        ("activations at the peak", size(estimate.peak_bytes)),
        ("of that the forward's own tensors, at their own peak", size(estimate.tensor_bytes)),
        ("inputs", size(estimate.input_bytes)),
        *((f"parameters in {stored.dtype}", size(stored.params)) for stored in estimate.stored if stored.params),
        *((f"buffers in {stored.dtype}", size(stored.buffers)) for stored in estimate.stored if stored.buffers),
    ]
    head = f"**Peak memory of activations with the workspaces of kernels: {size(estimate.peak_bytes)}** {where}"
    picture = f"![Memory held along the depth](<{figure}>)" if figure else ""
    return paragraphs(f"{head.rstrip()}.", picture, table(MEMORY, rows), _basis(estimate.assumptions))


def training(footprint: TrainingFootprint | None) -> str:
    """What a training step has to hold."""
    if footprint is None:
        return ""
    rows = [
        ("parameters and buffers", size(footprint.weights)),
        ("gradients", size(footprint.gradients)),
        (f"states of {footprint.optimizer}", size(footprint.states)),
        ("activations saved for the backward", size(footprint.activations)),
        ("inputs", size(footprint.inputs)),
    ]
    head = f"**Training with {prose(footprint.optimizer)}: about {size(footprint.total)}** for a step."
    return "\n\n".join((head, table(MEMORY, rows), _basis(footprint.assumptions)))


def energy(estimate: EnergyEstimate | None) -> str:
    """The order of magnitude, and the layers that take most."""
    if estimate is None:
        return ""
    whole = estimate.arithmetic + estimate.movement
    most = _largest(estimate.layers, lambda layer: layer.arithmetic + layer.movement)
    rows = [
        (
            named(layer.path),
            joules(layer.arithmetic),
            joules(layer.movement),
            share_of(layer.arithmetic + layer.movement, whole),
        )
        for layer in most
    ]
    head = (
        f"**Energy: an order of magnitude around {joules(whole)}** ({span(estimate.span, joules)}) an inference in "
        f"{estimate.dtype}, {share_of(estimate.movement, whole)} of it for moving data."
    )
    return "\n\n".join((head, table(ENERGY, rows), _basis(estimate.assumptions)))


def deployability(estimate: Deployability | None) -> str:
    """Which data types fit, and the layer that breaks those that do not."""
    if estimate is None:
        return ""
    rows = []
    for fit in estimate.fits:
        breakers = [(fit.flash_breaker, "flash"), (fit.ram_breaker, "RAM")]
        broken = [f"{what} at {named(layer)}" for layer, what in breakers if layer is not None]
        rows.append((fit.dtype, size(fit.flash), size(fit.ram), ", ".join(broken) or "nothing: it fits"))
    limits = f"{size(estimate.flash_limit)} of flash and {size(estimate.ram_limit)} of RAM"
    head = f"**On {prose(estimate.device)}**, with {limits}:"
    return "\n\n".join((head, table(FITS, rows), _basis(estimate.assumptions)))


def _largest(items: Iterable[Item], weight: Callable[[Item], float]) -> list[Item]:
    return sorted(items, key=weight, reverse=True)[:MOST]


def _basis(sentences: Iterable[str]) -> str:
    return details("What this rests on", bullets(f"{text[:1].upper()}{text[1:]}." for text in sentences))
