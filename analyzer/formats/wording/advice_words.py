"""Advice as an analysis has it: with what rules and weights say in words, and layers as code."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from analyzer.advising.ranking import Advised, ChangedLayer
from analyzer.formats.wording.evidence_words import evidence_words
from analyzer.formats.wording.numbers import plural
from analyzer.formats.wording.rule_words import choice_words, words
from analyzer.values.advice import Advice, Alternative, PlanStep
from analyzer.values.convolution import Unit
from analyzer.values.layer_calls import code

MAX_LAYERS_SHOWN = 3
"""Of a proposal for more layers the rest is a number."""


def worded(item: Advised) -> Advice:
    """The advice with its words, those of its alternatives included."""
    said = item.finding or item.proposal
    before = _code(item.changed, item.advice.path, lambda layer: layer.before)
    return replace(
        item.advice,
        current=words(item.finding.current) if item.finding else before,
        proposed=None if item.finding else _after(item),
        evidence=evidence_words(item.evidence) if item.evidence else None,
        notes=tuple(map(words, said.notes)) if said else (),
        alternatives=tuple(map(_alternative, item.others)),
    )


def worded_plan(plan: Iterable[PlanStep], advised: Iterable[Advised]) -> tuple[PlanStep, ...]:
    """The plan with each change as code; of what is advised for one layer by one rule the last is the one planned."""
    made = {(item.advice.rule, item.advice.path): _after(item) for item in advised}
    return tuple(
        replace(step, changes=tuple(replace(one, proposed=made[one.rule, one.path]) for one in step.changes))
        for step in plan
    )


def _alternative(other: Advised) -> Alternative:
    advice, proposal = other.advice, other.proposal
    assert proposal is not None
    assert proposal.choice is not None
    assert advice.saved is not None
    label, notes = choice_words(proposal.choice), tuple(map(words, proposal.notes))
    return Alternative(
        label, advice.replacements, advice.saved, notes, advice.kept, advice.harm, advice.choice, advice.not_beside
    )


def _after(item: Advised) -> str:
    return _code(item.changed, item.advice.path, lambda layer: layer.after)


def _code(layers: Sequence[ChangedLayer], path: str, side: Callable[[ChangedLayer], tuple[Unit, ...] | str]) -> str:
    """The layers that have units as code, with their paths unless it is the one layer that is spoken of."""
    units = {layer.path: side(layer) for layer in layers}
    if units.keys() == {path}:
        return _one(units[path])
    parts = [f"{own} = {_one(each)}" for own, each in units.items() if each]
    rest = len(parts) - MAX_LAYERS_SHOWN
    more = [f"and {plural(rest, 'more layer')}"] if rest > 0 else []
    return "; ".join(parts[:MAX_LAYERS_SHOWN] + more)


def _one(units: tuple[Unit, ...] | str) -> str:
    return f"{units}(...)" if isinstance(units, str) else code(units)
