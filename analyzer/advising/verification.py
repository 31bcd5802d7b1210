"""Proves what advice promises: proposals are put into a copy of the model without values, which is traced again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzer.advising.proofs import Proofs
from analyzer.advising.ranking import Advised
from analyzer.advising.resolution_change import can_hold
from analyzer.dataflow.channels.group_isolation import isolations
from analyzer.dataflow.channels.neighbours import direct_convolutions
from analyzer.dataflow.flow import Flow
from analyzer.rules import dilate_instead_of_downsample
from analyzer.values.absences import Absences
from analyzer.values.advice import Saving, Together
from analyzer.values.errors import Problem

if TYPE_CHECKING:
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.values.convolution import Proposal
    from analyzer.values.graph import Trace

MOST_PROOFS = 4
"""Each takes as long as the trace of the model itself."""


def prove(loaded: LoadedModel, proposals: Sequence[Proposal], before: Trace) -> Saving:
    """What the proposals save together, as a trace of the rewritten model counts it beside the trace before.

    Problem when the model no longer runs, or gives outputs of another shape.
    """
    return Proofs(loaded, before).saved_by(proposals)


def applicable(items: Sequence[Advised], loaded: LoadedModel) -> list[Advised]:
    """Without the proposals and alternatives that a rewrite of the model would refuse, by the rewrite's own test."""
    from analyzer.rewriting.eligibility import accepts

    takes = accepts(loaded.module)
    kept = [item for item in items if item.proposal is None or takes(item.proposal)]
    return [replace(item, others=tuple(o for o in item.others if o.proposal and takes(o.proposal))) for item in kept]


def kept_promises(items: Sequence[Advised], proofs: Proofs, absences: Absences) -> tuple[Advised, ...]:
    """Without the changes of resolution that do not give what they promise: a forward may resize where no layer shows.

    Sizes in the trace refuse most; the others are traced, at most `MOST_PROOFS` of them. What is left out for that is
    noted in `absences`.
    """
    kept, traced = list[Advised](), 0
    for item in items:
        if item.proposal is None or item.advice.rule != dilate_instead_of_downsample.CODE:
            kept.append(item)
        elif proofs.before.mode == "real" or not can_hold(item.proposal, proofs.before):
            continue
        elif traced == MOST_PROOFS:
            absences.note(item.advice.rule, item.advice.path, f"a new trace proves each, and {MOST_PROOFS} were traced")
        else:
            traced += 1
            kept.extend([item] if _holds(item, item.proposal, proofs) else [])
    return tuple(kept)


def _holds(item: Advised, proposal: Proposal, proofs: Proofs) -> bool:
    try:
        return proofs.saved_by([proposal]) == item.advice.saved
    except Problem:
        return False


MAX_TRACES = 5
"""Each trace after the first leaves out what the one before found unsound."""


def sound_together(proofs: Proofs, chosen: tuple[Advised, ...]) -> tuple[tuple[Advised, ...], Together | None]:
    """Of proposals in the order of their worth those that leave no groups isolated, and what they save at once.

    The rewritten model is traced: where groups would never meet that met before, the later of the two proposals goes.
    None in place of the saving where that does not come to an end. Problem as in `Proofs.after`.
    """
    known = _isolated(proofs.before)
    for _ in range(MAX_TRACES):
        after = proofs.after([item.proposal for item in chosen if item.proposal])
        unsound = _isolated(after) - known
        if not unsound:
            layers = {path for item in chosen for path in item.paths}
            return chosen, Together(len(layers), proofs.saving(after))
        chosen = _without(chosen, unsound)
    return chosen, None


def _isolated(traced: Trace) -> frozenset[tuple[str, str]]:
    """Pairs of grouped layers whose groups never meet."""
    flow = Flow(traced)
    path_of = {op: path for path, ops in direct_convolutions(flow).items() for op in ops}
    return frozenset((pair.first, pair.second) for pair in isolations(flow, path_of))


def _without(chosen: tuple[Advised, ...], unsound: frozenset[tuple[str, str]]) -> tuple[Advised, ...]:
    """Of each pair the last proposal that made one of its layers is left out."""
    dropped = set()
    for pair in unsound:
        makers = [index for index, item in enumerate(chosen) if any(_is_within(pair, path) for path in item.paths)]
        dropped.update(makers[-1:])
    return tuple(item for index, item in enumerate(chosen) if index not in dropped)


def _is_within(pair: tuple[str, str], path: str) -> bool:
    return any(layer == path or layer.startswith(f"{path}.") for layer in pair)
