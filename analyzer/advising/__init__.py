"""Ask every rule about every layer, price what it proposes by the formulas, and rank the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from analyzer.advising.pricing import current_price, current_units, proposed_price
from analyzer.advising.ranking import Advised, best_per_layer, is_gain, rank
from analyzer.rules import RULES, slug
from analyzer.rules.rule import Finding, Observer, Proposer, Rule
from analyzer.values.absences import Absences
from analyzer.values.convolution import Proposal, Unit, code
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.results import Advice, Replacement

__all__ = ["Advised", "Bound", "advise", "best_per_layer"]

MAX_LAYERS_SHOWN = 3
"""Of a proposal for more layers the rest is said in words."""

Bound = Callable[[int, int], str]
"""From MACs and bytes to what limits them: "compute-bound on NAME" or "memory-bound on NAME"."""


def advise(
    facts: ModelFacts,
    sources: Mapping[str, tuple[str, int]] | None = None,
    rules: Sequence[Rule] = RULES,
    bound: Bound | None = None,
    absences: Absences | None = None,
) -> tuple[Advised, ...]:
    """All that the rules say of a model, what saves most first; `sources` tells file and line of a path.

    A rule that fails is left out and noted in `absences`.
    """
    places, left_out = sources or {}, absences or Absences()
    answers = (left_out.attempt(rule.CODE, partial(_answers, rule, facts, bound), []) for rule in rules)
    found = [_placed(advised, places) for advised in chain.from_iterable(answers)]
    return tuple(sorted(found, key=lambda advised: rank(advised.advice, facts)))


def _answers(rule: Rule, facts: ModelFacts, bound: Bound | None) -> list[Advised]:
    if isinstance(rule, Observer):
        return [Advised(_fact(rule, finding)) for finding in rule.observe(facts)]
    if not isinstance(rule, Proposer):
        return []
    proposals = ((layer, rule.propose(layer, facts)) for layer in facts.convolutions.values())
    return [Advised(_advice(rule, layer, found, facts, bound), found) for layer, found in proposals if found]


def _fact(rule: Rule, finding: Finding) -> Advice:
    return Advice(
        rule=rule.CODE,
        name=slug(rule),
        path=finding.path,
        level=rule.LEVEL,
        effort=rule.EFFORT,
        current=finding.current,
        proposed=None,
        saved=None,
        bytes_ratio=None,
        bound=None,
        notes=finding.notes,
    )


def _advice(rule: Rule, layer: ConvolutionFacts, proposal: Proposal, facts: ModelFacts, bound: Bound | None) -> Advice:
    before, after = current_price(proposal, facts), proposed_price(proposal, facts)
    current, proposed = _codes(proposal, facts, layer.path)
    advice = Advice(
        rule=rule.CODE,
        name=slug(rule),
        path=layer.path,
        level=rule.LEVEL,
        effort=rule.EFFORT,
        current=current,
        proposed=proposed,
        saved=before.saved(after),
        bytes_ratio=after.bytes / before.bytes if before.bytes else None,
        bound=bound(after.macs, after.bytes) if bound else None,
        replacements=tuple(Replacement(own, code(units)) for own, units in proposal.replacements),
    )
    return replace(
        advice, notes=(*proposal.notes, *_doubts(advice, layer, facts), *_others(proposal, facts, layer.path))
    )


def _doubts(advice: Advice, layer: ConvolutionFacts, facts: ModelFacts) -> Iterator[str]:
    """Why the saving may not reach the clock."""
    if advice.saved is None or advice.saved.macs <= 0:
        return
    device = f" on {facts.device}" if facts.device else ""
    if layer.bound == "memory":
        yield f"the layer is memory-bound{device}: the MACs saved will not become time there"
    elif advice.bound and advice.bound.startswith("memory") and (advice.bytes_ratio or 0) > 1:
        yield f"it moves {advice.bytes_ratio:.2f} times the bytes and is {advice.bound}: it may not be faster there"


def _others(proposal: Proposal, facts: ModelFacts, path: str) -> Iterator[str]:
    for other in proposal.alternatives:
        saved = current_price(other, facts).saved(proposed_price(other, facts))
        if is_gain(saved):
            text = f"{other.label}: {_codes(other, facts, path)[1]}"
            yield "; ".join((f"{text} saves {saved.params:,} parameters and {saved.macs:,} MACs", *other.notes))


def _codes(proposal: Proposal, facts: ModelFacts, path: str) -> tuple[str, str]:
    """What is there and what is proposed, as code; layers that stay as they are left out."""
    now = {own: current_units(own, facts) for own, _ in proposal.replacements}
    changed = {own: units for own, units in proposal.replacements if units != now[own]}
    return _code({own: now[own] for own in changed}, path), _code(changed, path)


def _code(layers: Mapping[str, tuple[Unit, ...]], path: str) -> str:
    """The layers' units, with their paths unless it is the one layer that is spoken of."""
    if layers.keys() == {path}:
        return code(layers[path])
    parts = [f"{own} = {code(units)}" for own, units in layers.items() if units]
    rest = len(parts) - MAX_LAYERS_SHOWN
    more = [f"and {rest} more {'layer' if rest == 1 else 'layers'}"] if rest > 0 else []
    return "; ".join(parts[:MAX_LAYERS_SHOWN] + more)


def _placed(advised: Advised, sources: Mapping[str, tuple[str, int]]) -> Advised:
    file, line = sources.get(advised.advice.path, (None, None))
    return replace(advised, advice=replace(advised.advice, file=file, line=line))
