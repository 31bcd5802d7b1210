"""One `--apply RULE[=CHOICE][:LAYERS]`: which advice it names, and which of the ways that the rule offers."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from analyzer.advising import Advised, advised, untimed
from analyzer.advising.advisor import AdvisedModel
from analyzer.advising.weight_evidence import WeightQuestions, weights_of
from analyzer.rules import EXACT, matching, rule_for
from analyzer.rules.rule import Choosable, Rule
from analyzer.values.advice import Advice
from analyzer.values.errors import Problem

SHOWN = 3
ALL_EXACT = "exact"
"""Asks for all changes that leave the output as it is, as many as can be made at once."""
ENERGY = re.compile(r"(\d+(?:\.\d+)?) ?%")
WEIGHTS_NEEDED = "a share of the energy is that of weights: give them with --checkpoint"


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """What one request says; `choice` and `layers` are empty where it leaves them open."""

    text: str
    rule: str
    choice: str = ""
    layers: str = ""

    @classmethod
    def parse(cls, text: str) -> ApplyRequest:
        """Of RULE[=CHOICE][:LAYERS]."""
        head, _, layers = text.partition(":")
        rule, _, choice = head.partition("=")
        return cls(text, rule.strip(), choice.strip(), layers.strip())

    def names(self, advice: Advice) -> bool:
        """Whether the advice is of the rule and the layers that it asks for."""
        codes = {rule.CODE for rule in _rules(self.rule)}
        return advice.rule in codes and (not self.layers or fnmatchcase(advice.path, self.layers))


def _rules(name: str) -> Sequence[Rule]:
    """The rules of that name; those whose changes leave the output as it is for "exact"."""
    return EXACT if name.lower() == ALL_EXACT else matching(name)


def requested(text: str, model: AdvisedModel) -> tuple[Advised, ...]:
    """The advice that a request names, each with the choice that it makes; layers without that choice are left out.

    Problem where it names no advice, or a choice that none of its layers has: then the nearest that there are.
    """
    request = ApplyRequest.parse(text)
    proposals = [item for item in model.advised if item.proposal is not None]
    named = [item for item in proposals if request.names(item.advice)]
    if not named:
        raise Problem(f"--apply {text} matches no advice: {_offer(request.rule, proposals)}")
    if not request.choice and request.rule.lower() == ALL_EXACT:
        return tuple(sorted(named, key=_saved, reverse=True))
    if not request.choice:
        return tuple(named)
    made = [item for item in (_chosen(item, request.choice, model) for item in named) if item is not None]
    if not made:
        raise Problem(f"--apply {text}: {_nearest(request.choice, named, model)}")
    return tuple(made)


def _offer(name: str, proposals: Sequence[Advised]) -> str:
    codes = {rule.CODE for rule in _rules(name)}
    offered = [item.advice for item in proposals if item.advice.rule in codes]
    if not offered:
        return f"{name} has nothing to propose for this model"
    more = f" and {len(offered) - SHOWN} more" if len(offered) > SHOWN else ""
    return f"{name} is advised for {', '.join(advice.path for advice in offered[:SHOWN])}{more}"


def _chosen(item: Advised, choice: str, model: AdvisedModel) -> Advised | None:
    """The advice with that choice made; None where its layer has none such."""
    options = choices_of(item, model)
    if energy := ENERGY.fullmatch(choice):
        return _by_energy(options, float(energy[1]) / 100, model)
    return options.get(_word(choice))


def choices_of(item: Advised, model: AdvisedModel) -> Mapping[str, Advised]:
    """All that can be chosen for one layer, by the word that --apply takes: of rules that say so more than is shown."""
    rule, facts = rule_for(item.advice.rule), model.facts
    ways = ((each.proposal.choice, each) for each in (item, *item.others) if each.proposal)
    named = {choice.word: each for choice, each in ways if choice}
    layer = facts.convolutions.get(item.advice.path) if facts else None
    if layer is None or facts is None or not isinstance(rule, Choosable):
        return named
    made = rule.choices(layer, facts)
    return named | {word: advised(rule, layer.path, proposal, facts, untimed) for word, proposal in made.items()}


def _word(text: str) -> str:
    """ "pointwise-first" of "pointwise first"."""
    return "-".join(text.lower().replace(",", " ").split())


def _by_energy(options: Mapping[str, Advised], share: float, model: AdvisedModel) -> Advised | None:
    """Of the options the one that saves most and keeps so much of the weight energy; numbered ones are in order."""
    assert model.facts is not None
    weights = weights_of(model.loaded)
    if not weights:
        raise Problem(WEIGHTS_NEEDED)
    asked = WeightQuestions(model.facts, weights)
    numbered = [option for word, option in options.items() if word.isdigit()]
    ranked = sorted(numbered or options.values(), key=_saved, reverse=True)
    place = bisect_left(ranked, share, key=lambda option: asked.kept(option) or 0.0)
    return asked.weighed(ranked[place]) if place < len(ranked) else None


def _saved(option: Advised) -> int:
    saved = option.advice.saved
    return saved.params + saved.macs if saved else 0


def _nearest(choice: str, named: Sequence[Advised], model: AdvisedModel) -> str:
    """The choices that come nearest, numbers by their distance."""
    first = named[0].advice
    if ENERGY.fullmatch(choice):
        return f"no choice of {first.rule} at {first.path} keeps {choice} of its weight energy and saves something"
    words = list(dict.fromkeys(word for item in named for word in choices_of(item, model)))
    near = ", ".join(_near(choice, words)) or "none"
    return f"{first.rule} has no choice {choice!r} here; the nearest are {near}, or a share of the energy such as 95%"


def _near(choice: str, words: Sequence[str]) -> Iterator[str]:
    if choice.isdigit() and (numbers := sorted(int(word) for word in words if word.isdigit())):
        closest = sorted(numbers, key=lambda number: (abs(number - int(choice)), number))[:SHOWN]
        return map(str, sorted(closest))
    return iter(get_close_matches(_word(choice), words, n=SHOWN, cutoff=0.3) or words[:SHOWN])
