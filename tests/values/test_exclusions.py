"""Which changes cannot be made together."""

from dataclasses import replace
from itertools import combinations
from random import Random

import pytest

from analyzer.advising.choosing import together
from analyzer.advising.ranking import Advised
from analyzer.values.advice import Advice, Saving
from analyzer.values.convolution import Identity, Proposal
from analyzer.values.exclusions import Change, exclusions


def change(rule, *paths, not_beside=()):
    return Change(rule, frozenset(paths), frozenset(not_beside))


def excluded(*changes):
    return {pair for row in exclusions(changes) for pair in combinations(sorted(row), 2)}


@pytest.mark.parametrize(
    "changes",
    [
        (change("A", "a"), change("B", "b")),
        (change("A", "block.a"), change("A", "block.b")),
        (change("A", "block"), change("B", "blocks")),
        (change("A", "a", not_beside=["b"]), change("B", "b", not_beside=["a"])),
        (change("A", "a", not_beside=["b"]), change("A", "b")),
        (change("A", "a", not_beside=["c"]), change("A", "b", not_beside=["a"])),
    ],
)
def test_these_can_be_made_together(changes):
    assert excluded(*changes) == set()


@pytest.mark.parametrize(
    "changes",
    [
        (change("A", "a"), change("B", "a")),
        (change("A", "a", "b"), change("B", "b", "c")),
        (change("A", "block"), change("B", "block.conv")),
        (change("A", "block.conv"), change("B", "block")),
        (change("A", ""), change("B", "block.conv")),
        (change("A", "a", not_beside=["b"]), change("A", "b", not_beside=["a"])),
    ],
)
def test_these_exclude_each_other(changes):
    assert excluded(*changes) == {(0, 1)}


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_takes_two_changes_just_where_they_share_no_row(seed):
    random = Random(seed)
    names = ["a", "a.b", "a.c", "d", "d.e", "f"]
    items = [_advised(random, names) for _ in range(8)]
    rows = excluded(*(item.change for item in items))
    both = {pair for pair in combinations(range(8), 2) if len(together([items[place] for place in pair])) == 2}
    assert rows == set(combinations(range(8), 2)) - both


def _advised(random, names):
    paths, near = random.sample(names, random.choice((1, 1, 2))), tuple(random.sample(names, 2))
    advice = Advice(random.choice("XY"), "x", paths[0], "note", "none", "", "", Saving(1, 1), None, None)
    replaced = Proposal(tuple((path, (Identity(),)) for path in paths))
    return Advised(replace(advice, not_beside=near), replaced)
