"""Shows that changes called exact keep what the whole model computes: by its operators, or by running it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count as numbers
from math import ceil, log10
from typing import TYPE_CHECKING

from analyzer.advising.proofs import Proofs
from analyzer.advising.ranking import Advised
from analyzer.dataflow.same_operators import first_difference
from analyzer.values.convolution import Proposal
from analyzer.values.errors import Problem
from analyzer.values.notes import Note, note

if TYPE_CHECKING:
    from analyzer.formulas.count import Count
    from analyzer.loading.loaded_model import LoadedModel

MOST_TRIALS = 40
"""Of one analysis: what has not been shown to hold by then is left out."""
COPIES = 8
"""Times the size of the weights that comparing two models in double precision takes."""
LEAST_ERROR = 1e-12
"""Below that nothing is told apart from rounding in double precision."""
Holds = Callable[[Sequence[Proposal]], bool]


def shown_exact(advised: Sequence[Advised], proofs: Proofs, count: Count) -> tuple[Advised, ...]:
    """The advice without the exact changes that do not hold; with a checkpoint each says how far the output is.

    A forward can ask what kind of layer it calls, or read a layer's tensors elsewhere. So the rewritten model is
    traced, and every operator outside of the change must be there as before. A model that has to run for real is run
    instead, one with a checkpoint as well.
    """
    exact = [item for item in advised if item.proposal is not None and item.proposal.is_exact]
    if not exact:
        return tuple(advised)
    held = exact
    if count.trace.mode != "real":
        held = _surviving(held, lambda proposals: _runs_the_same(proofs, proposals))
    if count.trace.mode == "real" or proofs.loaded.weights is not None:
        held = _run(held, proofs.loaded, count)
    kept = {item.proposal: item for item in held}
    refuted = {item.proposal for item in exact} - kept.keys()
    return tuple(kept.get(item.proposal, item) for item in advised if item.proposal not in refuted)


def refuse_inexact_changes(loaded: LoadedModel, proposals: Sequence[Proposal], count: Count) -> None:
    """Problem, with the layer and how far, when exact changes would not keep what the model computes.

    Where the model does not fit into memory twice, or does not run here, its operators decide.
    """
    exact = [proposal for proposal in proposals if proposal.is_exact]
    if not exact:
        return
    error = _error(loaded, exact, count)
    if error is None and not _runs_the_same(Proofs(loaded, count.trace), exact):
        raise Problem(f"{loaded.name}: the exact changes would alter other operators of the model; leave them out")


def _surviving(items: Sequence[Advised], holds: Holds) -> list[Advised]:
    """Those that hold, in rounds in which no layer is changed twice: all of a round together, else asked in halves."""
    trials = numbers()
    return [item for chosen in _disjoint(items) for item in _holding(chosen, holds, trials)]


def _holding(items: Sequence[Advised], holds: Holds, trials: Iterator[int]) -> list[Advised]:
    if not items or next(trials) >= MOST_TRIALS:
        return []
    if holds([item.proposal for item in items if item.proposal]):
        return list(items)
    if len(items) == 1:
        return []
    half = len(items) // 2
    return [*_holding(items[:half], holds, trials), *_holding(items[half:], holds, trials)]


def _disjoint(items: Sequence[Advised]) -> Iterator[list[Advised]]:
    rounds: list[tuple[set[str], list[Advised]]] = []
    for item in items:
        room = next((entry for entry in rounds if not entry[0] & item.paths), None)
        if room is None:
            room = (set(), [])
            rounds.append(room)
        room[0].update(item.paths)
        room[1].append(item)
    return (chosen for _, chosen in rounds)


def _runs_the_same(proofs: Proofs, proposals: Sequence[Proposal]) -> bool:
    """Whether a trace of the rewritten model has the same operators outside of the layers that are replaced."""
    changes = [frozenset(path for path, _ in proposal.replacements) for proposal in proposals]
    try:
        after = proofs.traced_with(proposals)
    except Problem:
        return False
    return first_difference(proofs.before, after, changes) is None


def _run(items: Sequence[Advised], loaded: LoadedModel, count: Count) -> list[Advised]:
    """Those that hold when the model is run, each with how far the output is with all of its round in place."""
    found: list[Advised] = []

    def holds(proposals: Sequence[Proposal]) -> bool:
        try:
            error = _error(loaded, proposals, count)
        except Problem:
            return False
        if error is not None:
            shown[tuple(proposals)] = note("same-output", error=_decade(error))
        return error is not None or count.trace.mode != "real"

    shown: dict[tuple[Proposal, ...], Note] = {}
    for item in _surviving(items, holds):
        evidence = next((one for proposals, one in shown.items() if item.proposal in proposals), None)
        found.append(replace(item, evidence=evidence))
    return found


def _error(loaded: LoadedModel, proposals: Sequence[Proposal], count: Count) -> float | None:
    """How far the rewritten model's output is, None where it cannot be run here; Problem when it is not the same."""
    from analyzer.rewriting.end_to_end import refuse_inexact, runs
    from analyzer.tracing.real_forward import real_forward

    if not _fits(count):
        return None
    with real_forward(loaded, count.trace.candidate) as (module, arguments):
        return refuse_inexact(module, proposals, arguments) if runs(module, arguments) else None


def _decade(error: float) -> float:
    """The power of ten above the error: its digits are rounding, which differs from machine to machine."""
    return float(10 ** ceil(log10(max(error, LEAST_ERROR))))


def _fits(count: Count) -> bool:
    from analyzer.loading.available_memory import free_memory

    free = free_memory()
    stored = sum(p.numel * p.itemsize for p in (*count.parameters, *count.buffers))
    return free is None or COPIES * stored + 4 * (count.total.peak_activation_bytes or 0) < free
