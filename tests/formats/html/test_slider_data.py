from dataclasses import replace

import pytest

from analyzer.formats.html.embedding import Strings
from analyzer.formats.html.slider_data import sizes, trade_off
from analyzer.values.fit_results import CurvePoint, Fit, FitBudget, FittedLayer
from analyzer.values.scaling import Dimension, Polynomial, Scaling

# Of a convolution on height 32·v: 9·B·v² and as much again for each image.
MACS = Polynomial.of({(1, 2): 9, (1, 0): 2**60})
SCALING = Scaling(
    dimensions=(Dimension("batch", 2, least=1, most=8), Dimension("height", 64, 32, 0, 32, 320)),
    macs=MACS,
    other_flops=None,
    activation_elements=MACS,
    peak_activation_bytes=(MACS,),
    layers=(),
    blocks=(),
)
FIT = Fit(
    measure="KL divergence",
    budgets=(FitBudget("macs", "50%", 500, 1000, 480, 470),),
    layers=(FittedLayer("a", "2 groups", "", 10, 200, 0.05, 0.001), FittedLayer("b", "rank 4", "", 20, 320, 0.1, 0.02)),
    predicted_harm=0.021,
    measured_harm=0.02,
    agreement=None,
    samples=192,
    held_out=64,
    gap=0.0,
    source="data.pt",
    curve=(CurvePoint(1.0, 1000, 90, 1000, 0.0, 0), CurvePoint(0.5, 480, 60, 480, 0.021, 2, is_knee=True)),
)


def test_without_formulas_or_a_fit_there_is_nothing_to_move():
    assert sizes(None, Strings()) is None
    assert sizes(replace(SCALING, macs=None), Strings()) is None
    assert trade_off(None, Strings()) is None
    assert trade_off(replace(FIT, curve=()), Strings()) is None


def test_sliders_stand_on_the_lattice():
    batch, height = sizes(SCALING, Strings()).sliders
    assert (batch.first, batch.last, batch.start) == (1, 8, 2)
    assert (height.first, height.last, height.start) == (1, 10, 2)


@pytest.mark.parametrize("example", [16, 70, 640])
def test_an_example_outside_of_what_was_checked_starts_at_the_least(example):
    outside = replace(SCALING, dimensions=(SCALING.dimensions[0], replace(SCALING.dimensions[1], example=example)))
    assert sizes(outside, Strings()).sliders[1].start == 1


def test_large_coefficients_are_text():
    assert sizes(SCALING, Strings()).macs.terms == ((9, 1, 2), (str(2**60), 1, 0))


def test_what_has_no_formula_has_none():
    assert sizes(SCALING, Strings()).other is None


def test_every_plan_of_the_curve_and_what_costs_most_first():
    strings = Strings()
    found = trade_off(FIT, strings)
    assert [(plan.value, plan.layers, plan.is_knee) for plan in found.plans] == [(1000, 0, False), (480, 2, True)]
    assert [strings.texts[row[0]] for row in found.rows] == ["b", "a"]
    assert found.chosen == 470
