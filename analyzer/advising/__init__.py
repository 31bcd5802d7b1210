"""Ask every rule about every layer, price what it proposes by the formulas, and rank the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from analyzer.advising.choosing import best_per_layer, not_beside, removes_normalization
from analyzer.advising.pricing import current_price, current_units, proposed_price
from analyzer.advising.ranking import Advised, ChangedLayer, is_gain, rank
from analyzer.rules import RULES, slug
from analyzer.rules.rule import Finding, ModelProposer, Observer, Proposer, Rule, is_for_time, is_inference_only
from analyzer.values.absences import Absences
from analyzer.values.advice import Advice, Replacement
from analyzer.values.convolution import Convolution, Proposal, Unit
from analyzer.values.estimates import ProposalTime
from analyzer.values.facts import ModelFacts
from analyzer.values.layer_calls import call_of, code

__all__ = ["Advised", "Timer", "advise", "best_per_layer"]

Timer = Callable[[str, str, Proposal], ProposalTime | None]
"""From a rule's code, a path and its proposal to what that does to the time of the layers on the device profile."""


def untimed(rule: str, path: str, proposal: Proposal) -> None:
    """The timer where no device is asked about."""


def advise(
    facts: ModelFacts,
    sources: Mapping[str, tuple[str, int]] | None = None,
    rules: Sequence[Rule] = RULES,
    timer: Timer = untimed,
    absences: Absences | None = None,
) -> tuple[Advised, ...]:
    """All that the rules say of a model, in the order of `rank`; `sources` tells file and line of a path.

    A rule that fails is left out and noted in `absences`.
    """
    places, left_out = sources or {}, absences or Absences()
    answers = (left_out.attempt(rule.CODE, partial(_answers, rule, facts, timer), []) for rule in rules)
    return ordered([_placed(item, places) for item in chain.from_iterable(answers)], facts)


def ordered(found: Iterable[Advised], facts: ModelFacts) -> tuple[Advised, ...]:
    """What comes first, as `rank` says."""
    return tuple(sorted(found, key=lambda item: rank(item.advice, facts)))


def _answers(rule: Rule, facts: ModelFacts, timer: Timer) -> list[Advised]:
    if isinstance(rule, Observer):
        return [Advised(_fact(rule, finding), finding=finding) for finding in rule.observe(facts)]
    if isinstance(rule, ModelProposer):
        items = (_proposed(rule, path, found, facts, timer) for path, found in rule.propose_all(facts))
        return [item for item in items if item.advice.is_faster or not is_for_time(rule)]
    if not isinstance(rule, Proposer):
        return []
    proposals = ((layer.path, rule.propose(layer, facts)) for layer in facts.convolutions.values())
    return [_proposed(rule, path, found, facts, timer) for path, found in proposals if found]


def _fact(rule: Rule, finding: Finding) -> Advice:
    return Advice(
        rule=rule.CODE,
        name=slug(rule),
        path=finding.path,
        level=rule.LEVEL,
        effort=rule.EFFORT,
        current="",
        proposed=None,
        saved=None,
        bytes_ratio=None,
        bound=None,
    )


def _proposed(rule: Rule, path: str, proposal: Proposal, facts: ModelFacts, timer: Timer) -> Advised:
    """The proposal with its alternatives, each priced; those that save nothing are left out."""
    item = advised(rule, path, proposal, facts, timer)
    if not proposal.alternatives:
        return item
    others = tuple(advised(rule, path, other, facts, timer) for other in proposal.alternatives)
    return replace(item, others=tuple(other for other in others if is_gain(other.advice.saved)))


def advised(rule: Rule, path: str, proposal: Proposal, facts: ModelFacts, timer: Timer) -> Advised:
    """One proposal for the layer at a path, priced by the formulas and by the timer."""
    if proposal.is_exact != (rule.EFFORT == "none"):
        proposal = replace(proposal, is_exact=not proposal.is_exact)
    before, after = current_price(proposal, facts), proposed_price(proposal, facts)
    time = timer(rule.CODE, path, proposal)
    advice = Advice(
        rule=rule.CODE,
        name=slug(rule),
        path=path,
        level=rule.LEVEL,
        effort=rule.EFFORT,
        current="",
        proposed="",
        saved=before.saved(after),
        bytes_ratio=after.bytes / before.bytes if before.bytes else None,
        bound=time.bound if time else None,
        replacements=_replacements(proposal),
        device=facts.device if time else "",
        time_ratio=time.ratio if time else None,
        inference_only=is_inference_only(rule) or removes_normalization(proposal, facts),
        not_beside=not_beside(rule.CODE, proposal, facts),
        choice=proposal.choice.word if proposal.choice else "",
    )
    return Advised(advice, proposal, time, changed=_changed(proposal, facts))


def _replacements(proposal: Proposal) -> tuple[Replacement, ...]:
    return tuple(
        Replacement(path, code(units), tuple(map(call_of, units)), _input_size(units))
        for path, units in proposal.replacements
    )


def _input_size(units: Sequence[Unit]) -> tuple[int, ...]:
    return next((unit.input_size for unit in units if isinstance(unit, Convolution)), ())


def _changed(proposal: Proposal, facts: ModelFacts) -> tuple[ChangedLayer, ...]:
    """The layers that do not stay as they are."""
    now = {path: current_units(path, facts) for path, _ in proposal.replacements}
    changed = {path: units for path, units in proposal.replacements if units != now[path]}
    gone = {module.path: module.kind for module in facts.removable if changed.keys() == {module.path}}
    kinds = gone | {layer.path: layer.kind for layer in facts.recomputed}
    return tuple(ChangedLayer(path, kinds.get(path) or now[path], units) for path, units in changed.items())


def _placed(item: Advised, sources: Mapping[str, tuple[str, int]]) -> Advised:
    if item.advice.path not in sources:
        return item
    file, line = sources[item.advice.path]
    others = tuple(_placed(other, sources) for other in item.others)
    return replace(item, advice=replace(item.advice, file=file, line=line), others=others)
