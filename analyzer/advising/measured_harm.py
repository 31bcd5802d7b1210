"""Advice with the harm that was measured of it: noted, ranked by it, and planned anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from analyzer.advising import Advised, ordered
from analyzer.advising.advisor import AdvisedModel, planned
from analyzer.values.absences import Absences


def to_measure(advised: Sequence[Advised]) -> tuple[Advised, ...]:
    """The suggestions that change what the model computes, in their order, then their alternatives."""
    first = [item for item in advised if item.proposal is not None and item.advice.effort != "none"]
    return (*first, *(other for item in first for other in item.others))


def with_harms(model: AdvisedModel, harms: Sequence[float | None], absences: Absences) -> AdvisedModel:
    """The model's advice with the harm of what `to_measure` gives, in its order; what is beaten comes last."""
    assert model.facts is not None
    known = {id(item): harm for item, harm in zip(to_measure(model.advised), harms, strict=True)}
    ranked = ordered(with_measured(model.advised, known), model.facts)
    return planned(model, ranked, absences)


def with_measured(advised: Sequence[Advised], known: Mapping[int, float | None]) -> tuple[Advised, ...]:
    """The advice with harms by identity, and with what beats each."""
    harmed = [_with_measured(item, known) for item in advised]
    return tuple(_beaten(item, harmed) for item in harmed)


def _with_measured(item: Advised, known: Mapping[int, float | None]) -> Advised:
    others = tuple(_with_measured(other, known) for other in item.others)
    return replace(item, advice=replace(item.advice, harm=known.get(id(item))), others=others)


def _beaten(item: Advised, everything: Sequence[Advised]) -> Advised:
    """With the rule whose suggestion for the same layers saves as much for no more harm."""
    better = next((other.advice.rule for other in _rivals(item, everything) if _beats(other, item)), "")
    return replace(item, advice=replace(item.advice, beaten_by=better))


def _rivals(item: Advised, everything: Sequence[Advised]) -> Iterator[Advised]:
    for other in everything:
        if other is not item and other.paths == item.paths:
            yield from (other, *other.others)


def _beats(one: Advised, other: Advised) -> bool:
    """In one of the three it is better, in none worse."""
    a, b = one.advice, other.advice
    if a.saved is None or b.saved is None or a.harm is None or b.harm is None:
        return False
    pairs = ((a.saved.params, b.saved.params), (a.saved.macs, b.saved.macs), (-a.harm, -b.harm))
    return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)
