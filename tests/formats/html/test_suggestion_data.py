from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import combinations

import pytest

from analyzer.formats.html.embedding import Strings
from analyzer.formats.html.suggestion_data import pattern_of, suggestions
from analyzer.values.advice import Alternative, PlannedChange, PlanStep, Replacement, Saving


@pytest.fixture
def offered(advised, separable):
    """Separable with a second way, a normalization that folds into the same convolution, and a fact."""
    conv = Replacement("stem.conv", "nn.Conv2d(3, 16, 3)", ())
    norm = Replacement("stem.norm", "nn.Identity()", ())
    other = Alternative("pointwise first", (conv,), Saving(300, 300 * 64), choice="pointwise-first")
    first = replace(separable, replacements=(conv,), alternatives=(other,), choice="depthwise-first")
    folded = replace(advised.advice[1], replacements=(conv, norm))
    step = PlanStep("retrain", (PlannedChange("SEP101", "", "stem.conv", "", "pointwise-first"),), Saving(300, 1))
    return replace(advised, advice=(first, folded, advised.advice[2]), plan=(step,))


def test_every_way_has_what_it_saves(offered):
    strings = Strings()
    first, folded, fact = suggestions(offered, strings).items
    assert [(way.params, way.macs) for way in first.ways] == [(357, 357 * 64), (300, 300 * 64)]
    assert [strings.texts[way.choice] for way in first.ways] == ["depthwise-first", "pointwise-first"]
    assert [way.params for way in folded.ways] == [32]
    assert fact.ways == ()
    assert fact.step is None


def test_ways_of_one_layer_exclude_each_other(offered):
    rows = suggestions(offered, Strings()).rows
    assert {pair for row in rows for pair in combinations(row, 2)} == {(0, 1), (0, 2), (1, 2)}


def test_the_plan_names_its_ways(offered):
    assert suggestions(offered, Strings()).plan == (1,)


def test_a_plan_of_an_older_report_without_choices_is_passed_over(offered):
    older = replace(offered.plan[0], changes=(PlannedChange("SEP101", "", "stem.conv", "", "gone"),))
    assert suggestions(replace(offered, plan=(older,)), Strings()).plan == ()


@pytest.mark.parametrize("path", ["conv", "blocks.0.conv", "a[0]", "what?", "a*b", "a\u202eb", "it's"])
def test_a_pattern_names_its_layer_and_no_other(path):
    pattern = pattern_of(path)
    assert fnmatchcase(path, pattern)
    assert not fnmatchcase(f"{path}x", pattern)
    assert pattern.isprintable()
