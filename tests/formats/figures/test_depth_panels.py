"""Stages are named where their names fit."""

from analyzer.formats.figures.depth import Stage
from analyzer.formats.figures.depth_panels import _shown_names


def test_names_that_do_not_fit_are_left_out_or_numbered():
    crowded = [Stage(f"encoder_layer_{index}", index, index + 1) for index in range(30)]
    assert _shown_names(crowded, 30, numbered=True) == [str(index) for index in range(30)]
    assert _shown_names(crowded, 30, numbered=False) == [""] * 30
    assert _shown_names([Stage("stem", 0, 1), Stage("body", 1, 100)], 100, numbered=True) == ["", "body"]
