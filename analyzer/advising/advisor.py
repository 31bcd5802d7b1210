"""Advice on one traced model: rules asked, silenced lines left out, weights asked, and the total proved by a trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.advising import Advised, Timer, advise, best_per_layer, ordered, untimed
from analyzer.advising.choosing import plan
from analyzer.advising.exactness import shown_exact
from analyzer.advising.proofs import Proofs
from analyzer.advising.suppression import ignores, is_silenced, unused
from analyzer.advising.verification import applicable, kept_promises, sound_together
from analyzer.advising.weight_evidence import with_evidence
from analyzer.formulas.count import Count
from analyzer.rules.rule import Rule
from analyzer.values.absences import Absences
from analyzer.values.advice import PlanStep, Together
from analyzer.values.errors import Problem
from analyzer.values.facts import ModelFacts

if TYPE_CHECKING:
    from analyzer.loading.loaded_model import LoadedModel


@dataclass(frozen=True)
class AdvisedModel:
    """A model, its count, and what the rules say of it."""

    loaded: LoadedModel
    count: Count
    proofs: Proofs
    """Traces of the model with proposals in it."""
    facts: ModelFacts | None = None
    """What the rules were asked about; None when no advice was asked for."""
    advised: tuple[Advised, ...] = ()
    """What no comment in the source silences, with the evidence of the checkpoint's weights."""
    best: tuple[Advised, ...] = ()
    """The proposals of the plan that are free or retrained, to be made together."""
    together: Together | None = None
    """What those save at once, proved by tracing the rewritten model; None where that cannot be."""
    plan: tuple[PlanStep, ...] = ()
    """What is free, what needs retraining, what is for inference afterwards."""
    unused_comments: tuple[str, ...] = ()
    """A sentence for each comment that silences nothing."""


def advise_model(
    model: AdvisedModel,
    facts: ModelFacts,
    rules: Sequence[Rule],
    timer: Timer = untimed,
    absences: Absences | None = None,
) -> AdvisedModel:
    """The model with what the rules say of the facts; what fails is noted in `absences`.

    The timer estimates what proposals do to the time on a device profile.
    """
    left_out = absences or Absences()
    loaded, proofs = model.loaded, model.proofs
    places = {path: (source.file, source.line) for path, source in loaded.sources.items()}
    everything = advise(facts, places, rules, timer, left_out)
    comments = ignores({item.advice.file for item in everything if item.advice.file}, _text_of)
    spoken = [item for item in everything if not is_silenced(item.advice, comments)]
    possible = left_out.attempt("advice that can be applied", lambda: applicable(spoken, loaded), spoken)
    kept = kept_promises(possible, proofs, left_out)
    inexact = tuple(item for item in kept if item.proposal is None or not item.proposal.is_exact)
    kept = left_out.attempt(
        "changes that leave the output as it is", lambda: shown_exact(kept, proofs, model.count), inexact
    )
    weighed = left_out.attempt("evidence of the weights", lambda: with_evidence(kept, facts, loaded), kept)
    asked = replace(model, facts=facts, unused_comments=unused(comments, [item.advice for item in everything], rules))
    return planned(asked, ordered(weighed, facts), left_out)


def planned(model: AdvisedModel, advised: tuple[Advised, ...], absences: Absences) -> AdvisedModel:
    """The model with this advice, in its order, and with what of it is to be made together."""
    assert model.facts is not None
    wanted = best_per_layer(advised, model.facts)
    proved = absences.attempt("savings together", lambda: proved_together(wanted, model.proofs), (wanted, None))
    return replace(model, advised=advised, best=proved[0], together=proved[1], plan=plan(proved[0], advised))


def _text_of(file: str) -> str | None:
    """The text of one of the user's files; installed packages are not theirs to silence."""
    path = Path(file)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def proved_together(best: tuple[Advised, ...], proofs: Proofs) -> tuple[tuple[Advised, ...], Together | None]:
    """What can be made together, and its saving; not proved for a model that has to run for real.

    What such a model does depends on the values that new layers give.
    """
    if not best or proofs.before.mode == "real":
        return best, None
    try:
        return sound_together(proofs, best)
    except Problem:
        return best, None
