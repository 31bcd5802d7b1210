"""The programme against trying every combination."""

from itertools import product
from random import Random
from typing import Any

import pytest

from analyzer.fitting.integer_programme import Candidate, solved
from analyzer.fitting.layer_choices import LayerChoice
from analyzer.values.advice import Saving


def candidate(path: str, setting: int, harm: float, macs: int, params: int) -> Candidate:
    choice = LayerChoice(path, "grouped", setting, (), Saving(params, macs))
    return Candidate(choice, harm, {"macs": macs, "params": params})


def best(candidates: list[Candidate], needed: dict[str, int], exclusions: list[tuple[int, int]]) -> float | None:
    """The least harm of all combinations of one choice a layer at most."""
    paths = sorted({item.choice.path for item in candidates})
    layers = [[None, *(i for i, item in enumerate(candidates) if item.choice.path == path)] for path in paths]
    harms = []
    for places in product(*layers):
        taken = {place for place in places if place is not None}
        enough = all(sum(candidates[i].saved[m] for i in taken) >= amount for m, amount in needed.items())
        if enough and not any(set(pair) <= taken for pair in exclusions):
            harms.append(sum(candidates[i].harm for i in taken))
    return min(harms, default=None)


@pytest.mark.parametrize("seed", range(12))
def test_it_finds_the_least_harm(seed: int) -> None:
    random = Random(seed)
    found = [
        candidate(
            path, setting, random.random() * 10 ** -random.randint(0, 4), random.randint(1, 900), random.randint(1, 90)
        )
        for path in "abcd"
        for setting in range(3)
    ]
    needed: dict[str, int] = {"macs": random.randint(0, 2500), "params": random.randint(0, 250)}
    exclusions = [(0, 3), (1, 7)]
    expected: Any = best(found, needed, exclusions)
    solution = solved(found, needed, exclusions)
    if expected is None:
        assert solution is None
        return
    assert solution is not None
    assert solution.harm == pytest.approx(expected, rel=1e-3, abs=1e-9)
    assert all(sum(item.saved[m] for item in solution.chosen) >= amount for m, amount in needed.items())


def test_nothing_needed_changes_nothing() -> None:
    solution = solved([candidate("a", 1, 0.1, 5, 5)], {"macs": 0})
    assert solution is not None
    assert (solution.chosen, solution.harm, solution.gap) == ((), 0.0, 0.0)


def test_without_choices_nothing_is_saved() -> None:
    assert solved([], {"macs": 1}) is None
