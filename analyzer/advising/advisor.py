"""Advice on one traced model: rules asked, silenced lines left out, weights asked, and the total proved by a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.advising import Advised, Timer, advise, best_per_layer, untimed
from analyzer.advising.exactness import shown_exact
from analyzer.advising.suppression import ignores, is_silenced, unused
from analyzer.advising.verification import prove, taken_together
from analyzer.formulas.count import Count
from analyzer.rules import dilate_instead_of_downsample
from analyzer.rules.rule import Rule
from analyzer.values.absences import Absences
from analyzer.values.errors import Problem
from analyzer.values.facts import ModelFacts
from analyzer.values.graph import Trace
from analyzer.values.results import Together

if TYPE_CHECKING:
    from torch import Tensor

    from analyzer.evidence import NormStatistics
    from analyzer.loading.loaded_model import LoadedModel

MAX_EVIDENCE = 10
"""The weights are asked about so many proposals, those that save most: an answer takes as long as a small trace."""


@dataclass(frozen=True)
class AdvisedModel:
    """A model, its count, and what the rules say of it."""

    loaded: LoadedModel
    count: Count
    facts: ModelFacts | None = None
    """What the rules were told; None when no advice was asked for."""
    advised: tuple[Advised, ...] = ()
    """What no comment in the source silences, with the evidence of the checkpoint's weights."""
    best: tuple[Advised, ...] = ()
    """The best proposal of each layer, to be taken together."""
    together: Together | None = None
    """What those save at once, proved by tracing the rewritten model; None where that cannot be."""
    unused_comments: tuple[str, ...] = ()
    """A sentence for each comment that silences nothing."""


def advise_model(
    loaded: LoadedModel,
    count: Count,
    facts: ModelFacts,
    rules: Sequence[Rule],
    timer: Timer = untimed,
    absences: Absences | None = None,
) -> AdvisedModel:
    """Ask the rules about the facts; what fails is noted in `absences`.

    The timer estimates what proposals do to the time on a device profile.
    """
    left_out = absences or Absences()
    places = {path: (source.file, source.line) for path, source in loaded.sources.items()}
    everything = advise(facts, places, rules, timer, left_out)
    comments = ignores({item.advice.file for item in everything if item.advice.file}, _text_of)
    spoken = [item for item in everything if not is_silenced(item.advice, comments)]
    kept = tuple(item for item in spoken if _keeps_its_promise(item, loaded, count.trace))
    inexact = tuple(item for item in kept if item.proposal is None or not item.proposal.is_exact)
    kept = left_out.attempt("changes that leave the output as it is", lambda: shown_exact(kept, loaded, count), inexact)
    advised = left_out.attempt("evidence of the weights", lambda: _with_evidence(kept, facts, loaded), kept)
    best = best_per_layer(advised, facts)
    return AdvisedModel(
        loaded=loaded,
        count=count,
        facts=facts,
        advised=advised,
        best=best,
        together=left_out.attempt("savings together", lambda: _proved_together(best, loaded, count.trace), None),
        unused_comments=unused(comments, [item.advice for item in everything], rules),
    )


def _text_of(file: str) -> str | None:
    """The text of one of the user's files; installed packages are not theirs to silence."""
    path = Path(file)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _keeps_its_promise(item: Advised, loaded: LoadedModel, trace: Trace) -> bool:
    """Whether a change of resolution gives what it promises: a forward may resize where no layer shows it."""
    if item.proposal is None or item.advice.rule != dilate_instead_of_downsample.CODE:
        return True
    if trace.mode == "real":
        return False
    try:
        return prove(loaded, [item.proposal], trace) == item.advice.saved
    except Problem:
        return False


def _proved_together(best: Sequence[Advised], loaded: LoadedModel, trace: Trace) -> Together | None:
    """None for a model that has to run for real: what it does depends on the values that new layers give."""
    proposals = [item.proposal for item in best if item.proposal]
    if not proposals or trace.mode == "real":
        return None
    try:
        return taken_together(loaded, proposals, trace)
    except Problem:
        return None


def _with_evidence(advised: tuple[Advised, ...], facts: ModelFacts, loaded: LoadedModel) -> tuple[Advised, ...]:
    if loaded.weights is None:
        return advised
    weights = loaded.weights()
    asked = [item for item in advised if item.proposal and item.advice.effort != "none"][:MAX_EVIDENCE]
    return tuple(_with_answer(item, facts, weights) if item in asked else item for item in advised)


def _with_answer(item: Advised, facts: ModelFacts, weights: Mapping[str, Tensor]) -> Advised:
    from analyzer.evidence import evidence_for

    path = item.advice.path
    layer, weight = facts.convolutions.get(path), weights.get(f"{path}.weight")
    if layer is None or weight is None or item.proposal is None:
        return item
    units = dict(item.proposal.replacements).get(path, ())
    reads, feeds = _statistics(layer.rectified, weights), _statistics(layer.norm, weights)
    found = evidence_for(layer.convolution, units, weight, reads, feeds)
    return replace(item, advice=replace(item.advice, evidence=found))


def _statistics(norm: str | None, weights: Mapping[str, Tensor]) -> NormStatistics | None:
    from analyzer.evidence import NormStatistics

    if norm is None:
        return None
    names = ("running_mean", "running_var", "weight", "bias")
    batches = weights.get(f"{norm}.num_batches_tracked")
    tensors = {name: weights.get(f"{norm}.{name}") for name in names}
    return NormStatistics(**tensors, num_batches_tracked=None if batches is None else int(batches))
