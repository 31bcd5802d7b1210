"""The one way in which proposals become a module with weights: reorder channels, carry weights over, re-estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from analyzer.rewriting.carrying import rewritten
from analyzer.rewriting.channel_order import ordered, random_arguments
from analyzer.rewriting.copying import copied
from analyzer.rewriting.end_to_end import output_error
from analyzer.rewriting.recalibrating import CalibrationInputs, distances, reestimate
from analyzer.values.advice import CalibrationError
from analyzer.values.convolution import Proposal
from analyzer.values.counts import Input
from analyzer.values.facts import ModelFacts


@dataclass(frozen=True)
class CarriedOut:
    """A module with proposals in it, and how far it is from the one before."""

    module: nn.Module
    errors: Mapping[str, float]
    """By the first layer of each proposal: |new - old| / |old| of what its layers give on random input."""
    fresh: tuple[str, ...] = ()
    """Layers that start from new weights."""
    error: float | None = None
    """The same of what the whole model gives; None where it could not be run."""
    on_calibration: Mapping[str, CalibrationError] = field(default_factory=dict)
    """The same within the model on held-out inputs; that of the whole model by ""."""
    calibration: str = ""
    """Where those inputs are from; empty when there were none."""


def carry_out(
    module: nn.Module,
    proposals: Sequence[Proposal],
    facts: ModelFacts | None = None,
    inputs: Sequence[Input] = (),
    calibration: CalibrationInputs | None = None,
) -> CarriedOut:
    """A copy of the module with the proposals in it; the module itself is not touched.

    With facts, and the inputs that the module was traced with, channels between layers are put in the order that a
    grouped convolution keeps most of. With calibration inputs the statistics of batch normalizations are estimated
    anew, and errors are measured on them before and after. Problem where a layer cannot be replaced, or the module
    refuses an input.
    """
    renumbered = ordered(module, proposals, facts, inputs) if facts else module
    result = rewritten(renumbered, proposals)
    errors: dict[str, CalibrationError] = {}
    if calibration is not None:
        errors = _recalibrated(renumbered, result.module, _read_at(proposals, facts), calibration)
    whole = error_between(module, result.module, inputs)
    source = calibration.source if calibration else ""
    return CarriedOut(result.module, result.errors, result.fresh, whole, errors, source)


def _read_at(proposals: Sequence[Proposal], facts: ModelFacts | None) -> Mapping[str, str]:
    """By the first layer of each proposal, the layer whose output its error is told by: its normalization, if any."""
    firsts = [proposal.replacements[0][0] for proposal in proposals]
    layers = facts.convolutions if facts else {}
    return {path: (layers[path].norm if path in layers else None) or path for path in firsts}


def _recalibrated(
    original: nn.Module, changed: nn.Module, places: Mapping[str, str], calibration: CalibrationInputs
) -> dict[str, CalibrationError]:
    """The changed module's statistics are estimated anew; the errors with those that it had, and with these."""
    held_out, paths = calibration.held_out, [*dict.fromkeys(places.values()), ""]
    before = distances(original, changed, paths, held_out)
    after = distances(original, changed, paths, held_out) if reestimate(changed, calibration.batches) else {}
    read = {**places, "": ""}
    return {path: CalibrationError(before[at], after.get(at)) for path, at in read.items() if at in before}


def error_between(before: nn.Module, after: nn.Module, inputs: Sequence[Input]) -> float | None:
    """How far the outputs are in eval mode; None where it does not run."""
    if not inputs:
        return None
    try:
        one, other = (copied(module).eval() for module in (before, after))
        return output_error(one, other, random_arguments(inputs))
    except Exception:  # whatever a user's forward raises
        return None
