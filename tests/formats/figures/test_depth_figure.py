import warnings
from xml.etree import ElementTree

import matplotlib
import pytest

from analyzer.formats.figures import depth_figure, depth_panels, figure_style
from analyzer.values.counts import Layer


@pytest.mark.parametrize("kind", ["analysis", "incomplete", "checkpoint"])
def test_the_same_analysis_is_the_same_picture_byte_for_byte(kind, request):
    given = request.getfixturevalue(kind)
    text = depth_figure.render([given])
    assert text == depth_figure.render([given])
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert "<dc:date>" not in text


def test_the_users_own_style_changes_nothing_and_is_kept(analysis):
    plain = depth_figure.render([analysis])
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.fonttype": "none"}):
        assert depth_figure.render([analysis]) == plain
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.parametrize("number", [0, 1, 2, 199, 201, 500, 3000])
def test_any_number_of_layers_is_a_small_picture(number, analysis_of):
    layers = tuple(
        Layer(f"blocks.{index // 10}.{index % 10}", "Linear", params=index + 1, macs=index) for index in range(number)
    )
    text = depth_figure.render([analysis_of(layers)])
    ElementTree.fromstring(text)
    assert len(text) < 150_000


@pytest.mark.parametrize("path", ["$x$", "a$b", "层.卷积", "<&>", "a_{b}^c", ""])
def test_names_are_drawn_as_they_are(path, analysis_of):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ElementTree.fromstring(depth_figure.render([analysis_of((Layer(path, "Odd", params=5, macs=7),))]))


def test_a_checkpoint_has_one_panel_less_and_here_one_row_of_names_less(analysis, checkpoint):
    heights = [
        float(ElementTree.fromstring(depth_figure.render([given])).get("height").removesuffix("pt"))
        for given in (checkpoint, analysis)
    ]
    assert heights[1] - heights[0] == pytest.approx((figure_style.PANEL + depth_panels.ROW) * 72)


def test_a_model_without_parameters_is_drawn(analysis_of):
    ElementTree.fromstring(depth_figure.render([analysis_of((Layer("mul", "Mul", macs=64),))]))
