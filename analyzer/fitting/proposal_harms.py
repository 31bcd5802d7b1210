"""What advice would do to the model's output: each proposal put in alone, its weights carried over, and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from analyzer.fitting.calibration_batches import Calibration, calibration_of, first_samples, size_of
from analyzer.fitting.divergence import distance, measure_of, outputs_of
from analyzer.fitting.loaded_fit import calibration_for, looks_untrained
from analyzer.fitting.networks import Batches, sharing_copy, swapped, use_batch_statistics
from analyzer.fitting.time_left import TimeLeft
from analyzer.loading.loaded_model import LoadedModel
from analyzer.rewriting import rewritten
from analyzer.rewriting.channel_order import kept_by_groups
from analyzer.values.advice import HarmMeasurement
from analyzer.values.convolution import Convolution, Proposal
from analyzer.values.counts import Input
from analyzer.values.errors import Problem
from analyzer.values.facts import ModelFacts

MOST_MACS = 4 * 10**12
"""What measuring may take in all: a minute or two of two cores. Where it does not suffice there are fewer samples."""
FEWEST = 4
"""Samples at least; where these are too many for all proposals, the first ones are measured."""
MOST_VALUES = 2**26
"""Of the outputs that are kept to compare with."""


@dataclass(frozen=True)
class ProposalHarms:
    """The divergence of the output that each proposal causes alone, in the order in which they were asked of."""

    harms: tuple[float | None, ...]
    """None for what was not measured: it cannot be put in, or starts from fresh weights, which have no harm to tell."""
    measurement: HarmMeasurement


def measured_harms(
    loaded: LoadedModel,
    inputs: tuple[Input, ...],
    place: str,
    proposals: Sequence[Proposal],
    facts: ModelFacts,
    progress: Callable[[str], None],
) -> ProposalHarms:
    """Of a loaded model that was traced with `inputs`, on the calibration inputs at a place.

    Problem when there are none, when the model refuses them, or when its weights are random.
    """
    with loaded.surroundings():
        model = loaded.materialize() if loaded.materialize else loaded.module
        calibration = calibration_for(loaded, model, inputs, place)
        if calibration.is_untrained:
            raise Problem("--calibrate: harm of random weights means nothing; give trained ones with --checkpoint")
        return proposal_harms(model, calibration, proposals, _of_one_sample(facts, inputs), progress)


def module_harms(
    module: nn.Module, inputs: tuple[Input, ...], given: Any, proposals: Sequence[Proposal], facts: ModelFacts
) -> ProposalHarms:
    """Of a module with its weights, on calibration inputs as values; raises Problem as `measured_harms` does."""
    if looks_untrained(module):
        raise Problem("calibrate: harm of random weights means nothing; load trained ones first")
    return proposal_harms(module, calibration_of(module, given), proposals, _of_one_sample(facts, inputs))


def _of_one_sample(facts: ModelFacts, inputs: tuple[Input, ...]) -> ModelFacts:
    first = next((item.shape[0] for item in inputs if item.shape), 1)
    return replace(facts, macs=facts.macs // max(1, first))


def proposal_harms(
    model: nn.Module,
    calibration: Calibration,
    proposals: Sequence[Proposal],
    facts: ModelFacts,
    progress: Callable[[str], None] = lambda _: None,
) -> ProposalHarms:
    """Measured on as many samples as the work allows; `facts` are those of a forward of one sample.

    Nothing is fitted to the inputs, so none is held out. Groups are measured as they are once the channels around them
    are renumbered, where they can be.
    """
    reference = sharing_copy(model)
    if calibration.is_guess:
        use_batch_statistics(reference)
    batches = _batches(reference, calibration, len(proposals) * max(1, facts.macs))
    samples = sum(map(size_of, batches))
    most = max(1, MOST_MACS // (max(1, facts.macs) * samples))
    wanted = outputs_of(reference, batches)
    remaining, found = TimeLeft(min(most, len(proposals))), list[float | None]()
    for index, proposal in enumerate(proposals[:most]):
        progress(f"measuring suggestion {index + 1} of {len(proposals)}{remaining.after(index)}")
        found.append(_harm(reference, proposal, facts, wanted, batches))
    measured = sum(harm is not None for harm in found)
    harms = (*found, *(None for _ in proposals[most:]))
    return ProposalHarms(
        harms, HarmMeasurement(measure_of(wanted[0]), calibration.source, samples, measured, len(proposals))
    )


def _batches(reference: nn.Module, calibration: Calibration, macs: int) -> Batches:
    """The calibration inputs, cut to as many samples as the work and the memory for their outputs allow."""
    is_one = calibration.batches[0] is calibration.held_out[0]
    everything = calibration.batches if is_one else (*calibration.held_out, *calibration.batches)
    first = everything[0]
    values = sum(
        leaf.numel() for leaf in pytree.tree_leaves(first.through(reference)) if isinstance(leaf, Tensor)
    ) // size_of(first)
    room = max(min(FEWEST, size_of(first)), min(MOST_MACS // macs, MOST_VALUES // max(1, values)))
    return list(first_samples(everything, room))


def _harm(
    reference: nn.Module, proposal: Proposal, facts: ModelFacts, wanted: Sequence[Sequence[Tensor]], batches: Batches
) -> float | None:
    try:
        with _changed(reference, proposal, facts) as changed:
            return None if changed is None else distance(wanted, changed, batches).harm
    except Problem:
        return None


@contextmanager
def _changed(reference: nn.Module, proposal: Proposal, facts: ModelFacts) -> Iterator[nn.Module | None]:
    """The reference with the proposal in it; None where its layers start from fresh weights.

    Where one layer is replaced, only that one is copied.
    """
    (path, units), *others = proposal.replacements
    if others or not path:
        everything = rewritten(reference, [proposal])
        yield None if everything.fresh else everything.module
        return
    layer, groups = reference.get_submodule(path), _groups(units)
    new = rewritten(layer, [Proposal((("", units),))]) if not groups else None
    if new is not None and new.fresh:
        yield None
        return
    with swapped(reference, path, new.module if new else kept_by_groups(layer, path, groups, facts)):
        yield reference


def _groups(units: Sequence[object]) -> int:
    """Of the single grouped convolution that is put in; 0 for anything else, a depthwise one or a shuffle among it."""
    first, *others = units
    is_grouped = isinstance(first, Convolution) and first.groups > 1 and not first.transposed and not others
    return first.groups if is_grouped and isinstance(first, Convolution) else 0
