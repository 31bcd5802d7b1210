"""The table of advice shows what saves most, counts the rest, and drops a column before it is squeezed."""

from dataclasses import replace

import pytest

from analyzer.formats.terminal import summary
from analyzer.values.advice import HarmMeasurement, Saving

ADVISED = """
could be restructured                   parameters saved      MACs saved  source
SEP101 depthwise-separable  stem.conv         357, 3.3 %  22.85 k, 60.3 %  net.py:8
BNF301 foldable-batchnorm   stem.norm          32, 0.3 %               0  net.py:9
together, in 2 layers: 389 fewer parameters (3.6 %), 22,848 fewer MACs (60.3 %); 1 fact in the report
written to net.md
"""


def test_the_best_advice_is_below_the_heaviest_layers(advised):
    assert " ".join(ADVISED.split()) in " ".join(summary.render([advised], written=["net.md"]).split())


def test_only_five_proposals_are_shown_and_the_others_counted(advised, separable):
    many = tuple(replace(separable, path=f"l{index}", saved=Saving(90 - index, 1)) for index in range(8))
    text = summary.render([replace(advised, advice=(*many, advised.advice[2]), together=None)])
    assert text.count("SEP101") == 5
    assert text.endswith("3 more proposals and 1 fact with --output report.md\n")
    told = summary.render(
        [replace(advised, advice=(*many, advised.advice[2]), together=None)], written=["out/net.json"]
    )
    assert "3 more proposals and 1 fact in the report\n" in told


def test_layers_that_save_the_same_are_one_row(advised, separable):
    many = tuple(replace(separable, path=f"l{index}") for index in range(8))
    text = summary.render([replace(advised, advice=many, together=None)])
    assert text.count("SEP101") == 1
    assert "l0 +7" in text
    assert "in the report" not in text


def test_what_costs_more_has_its_sign(advised, separable):
    dearer = replace(separable, saved=Saving(0, -37_888))
    assert "-37.89 k, -100 %" in summary.render([replace(advised, advice=(dearer,))])


def test_facts_alone_are_counted(advised):
    text = summary.render([replace(advised, advice=advised.advice[2:], together=None)])
    assert text.endswith("\nnothing to restructure\n1 fact with --output report.md\n")


@pytest.mark.parametrize(("width", "has_sources"), [(60, False), (80, False), (99, False), (100, True), (200, True)])
def test_a_column_is_dropped_before_it_is_squeezed(width, has_sources, advised):
    lines = summary.render([advised], width).splitlines()
    table = [line for line in lines if line.startswith(("could be restructured", "suggestion", "SEP101"))]
    assert len(table) == 2
    assert all(("source" in line or "net.py:8" in line) == has_sources for line in table)


MEASURED = HarmMeasurement("KL divergence", "inputs.npy", samples=8, measured=1, suggestions=2)


@pytest.mark.parametrize("width", [72, 80, 100])
def test_measured_harms_have_a_column(width, advised, separable):
    other = replace(separable, path="other", saved=Saving(5, 5))
    known = replace(advised, advice=(replace(separable, harm=0.0213), other), harm_measurement=MEASURED)
    lines = summary.render([known], width).splitlines()
    (head,) = (line for line in lines if "parameters saved" in line)
    first, second = (line for line in lines if line.startswith("SEP101"))
    assert "MACs saved   harm" in head
    assert "0.021" in first
    assert "0.021" not in second


@pytest.mark.parametrize(("measured", "width"), [(None, 100), (MEASURED, 60)])
def test_there_is_no_such_column(measured, width, advised, separable):
    known = replace(advised, advice=(replace(separable, harm=0.0213),), harm_measurement=measured)
    table = [line for line in summary.render([known], width).splitlines() if line.startswith(("suggestion", "SEP101"))]
    assert not any("harm" in line or "0.021" in line for line in table)
