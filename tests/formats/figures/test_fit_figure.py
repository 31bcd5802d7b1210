"""The trade-off as a picture, beside the report of a fitted model."""

from dataclasses import replace
from xml.etree import ElementTree

from analyzer.formats import default_files
from analyzer.formats.figures import fit_figure
from analyzer.values.fit_results import CurvePoint, Fit, FitBudget
from analyzer.values.results import Analysis

CURVE = tuple(
    CurvePoint(1 - step / 10, 1000 - 100 * step, 90, 1000 - 100 * step, 0.001 * step**3, step, step == 5)
    for step in range(9)
)
FIT = Fit(
    "KL divergence", (FitBudget("macs", "50%", 500, 1000, 480, 480),), (), 0.1, 0.1, None, 3, 1, 0.0, "x", curve=CURVE
)


def test_a_picture_that_is_the_same_every_time(analysis: Analysis) -> None:
    text = fit_figure.render(replace(analysis, fit=FIT))
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert text == fit_figure.render(replace(analysis, fit=FIT))


def test_amounts_are_plain_numbers(analysis: Analysis) -> None:
    """Markup of formulas would show as it is written."""
    assert "mathdefault" not in fit_figure.render(replace(analysis, fit=FIT))


def test_no_picture_without_a_trade_off(analysis: Analysis) -> None:
    assert fit_figure.render(analysis) == ""
    assert fit_figure.render(replace(analysis, fit=replace(FIT, curve=CURVE[:2]))) == ""


def test_the_report_stands_beside_it(analysis: Analysis) -> None:
    name = analysis.model.name
    files = default_files([replace(analysis, fit=FIT)], "reports")
    assert f"reports/{name}-fit.svg" in files
    assert f"(<{name}-fit.svg>)" in files[f"reports/{name}.md"]
