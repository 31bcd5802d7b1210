"""Advice that carries a measured harm: what is asked of, what beats what, and what is planned."""

from dataclasses import dataclass, replace

import pytest

from analyzer.advising import Advised, advise, ordered
from analyzer.advising.measured_harm import to_measure, with_measured
from analyzer.advising.ranking import worth
from analyzer.rules import selected
from analyzer.values.facts import ModelFacts


@dataclass(frozen=True)
class Given:
    facts: ModelFacts
    advised: tuple[Advised, ...]


@pytest.fixture
def advised(layer, model):
    facts = model(layer("a", padding=1), layer("b", padding=1, in_channels=128, out_channels=128))
    found = advise(facts, rules=selected(("GRP101", "SEP101", "LOW101")))
    return Given(facts, found)


def harmed(advised, known):
    """With harms by rule and path; 1 where none is told."""
    asked = to_measure(advised.advised)
    return harmed_by(advised, [known.get((item.advice.rule, item.advice.path), 1.0) for item in asked])


def harmed_by(advised, harms):
    known = {id(item): harm for item, harm in zip(to_measure(advised.advised), harms, strict=True)}
    return ordered(with_measured(advised.advised, known), advised.facts)


def test_suggestions_are_asked_of_before_their_alternatives(advised):
    asked = to_measure(advised.advised)
    first = len(advised.advised)
    assert asked[:first] == advised.advised
    assert len(asked) == first + sum(len(item.others) for item in advised.advised)


def test_the_order_is_that_of_saving_for_harm(advised):
    for path in ("a", "b"):
        found = harmed(advised, {("LOW101", path): 1e-4})
        assert (found[0].advice.rule, found[0].advice.path) == ("LOW101", path)
        values = [worth(item.advice, advised.facts) for item in found if not item.advice.beaten_by]
        assert values == sorted(values, reverse=True)


def test_what_saves_less_for_more_harm_is_beaten_and_comes_last(advised):
    found = harmed(advised, {("SEP101", "b"): 0.1, ("LOW101", "b"): 0.2})
    beaten = {(item.advice.rule, item.advice.path): item.advice.beaten_by for item in found}
    assert beaten["LOW101", "b"] == "SEP101"
    assert beaten["SEP101", "b"] == ""
    assert [bool(item.advice.beaten_by) for item in found] == sorted(bool(item.advice.beaten_by) for item in found)


LEFT_ALONE = {
    "less harm": {("SEP101", "b"): 0.1, ("LOW101", "b"): 0.05, ("GRP101", "b"): 9.0},
    "another layer": {("SEP101", "b"): 0.1, ("LOW101", "a"): 0.2, ("SEP101", "a"): 9.0, ("GRP101", "a"): 9.0},
}


@pytest.mark.parametrize("known", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_not_beaten(advised, known):
    path = "b" if ("LOW101", "b") in known else "a"
    found = harmed(advised, known)
    assert {item.advice.beaten_by for item in found if (item.advice.rule, item.advice.path) == ("LOW101", path)} == {""}


def test_without_a_harm_the_order_stays(advised):
    found = harmed_by(advised, [None] * len(to_measure(advised.advised)))
    assert [item.advice.path for item in found] == [
        item.advice.path for item in ordered(advised.advised, advised.facts)
    ]
    assert not any(item.advice.beaten_by for item in found)


def test_alternatives_tell_their_harm(advised):
    grouped = replace(advised, advised=tuple(item for item in advised.advised if item.advice.rule == "GRP101"))
    asked = to_measure(grouped.advised)
    found = harmed_by(grouped, [float(index) for index in range(len(asked))])
    harms = {(item.advice.path, other.proposal.choice): other.advice.harm for item in found for other in item.others}
    assert set(harms.values()) == set(map(float, range(len(grouped.advised), len(asked))))
