"""A growth is told at the innermost statement of the change that built the layer."""

from dataclasses import replace

import pytest

from analyzer.formats.ci.causes import is_caused, place_of, touched
from analyzer.values.counts import Layer, Lines
from analyzer.values.gate_results import Difference

LAYER = Layer(
    "stem.conv",
    "Conv2d",
    file="blocks.py",
    line=7,
    construction=(Lines("blocks.py", 7, 9), Lines("net.py", 20, 20), Lines("build.py", 3, 3)),
)
"""Made by a helper on lines 7 to 9, which net.py calls, which build.py calls."""


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([Lines("net.py", 20, 20)], ("net.py", 20)),
        ([Lines("build.py", 1, 5), Lines("net.py", 18, 30)], ("net.py", 20)),
        ([Lines("net.py", 20, 20), Lines("blocks.py", 8, 8)], ("blocks.py", 8)),
        ([Lines("net.py", 21, 40)], ("blocks.py", 7)),
        ([], ("blocks.py", 7)),
        ([Lines("configs/net.yaml", 4, 4)], ("configs/net.yaml", 4)),
        ([Lines("a.yaml", 1, 1), Lines("b.yaml", 1, 1)], ("blocks.py", 7)),
        ([Lines("analyze.toml", 1, 1)], ("blocks.py", 7)),
        ([Lines("configs/net.yaml", 4, 4), Lines("build.py", 3, 3)], ("build.py", 3)),
    ],
)
def test_the_place(analysis, changed, expected) -> None:
    net = replace(analysis, layers=(LAYER,), difference=Difference("main", None, changed_lines=tuple(changed)))
    assert place_of(net, LAYER) == expected


def test_without_a_construction_the_layers_own_line_counts() -> None:
    bare = replace(LAYER, construction=())
    assert touched(bare, [Lines("blocks.py", 1, 7)]) == Lines("blocks.py", 7, 7)
    assert touched(bare, [Lines("blocks.py", 8, 9)]) is None


def test_only_what_the_change_brought_about(analysis, gated) -> None:
    layers = {"stem.conv": LAYER}
    assert is_caused(replace(analysis, difference=None), "stem.conv", layers)
    untouched = replace(analysis, difference=Difference("main", None, changed_lines=(Lines("net.py", 1, 1),)))
    assert not is_caused(untouched, "stem.conv", layers)
    assert not is_caused(untouched, "gone", layers)
    touching = replace(analysis, difference=Difference("main", None, changed_lines=(Lines("net.py", 20, 20),)))
    assert is_caused(touching, "stem.conv", layers)
    assert is_caused(gated, gated.difference.layers[0].path, {})


def test_a_report_as_base_tells_no_lines(analysis) -> None:
    net = replace(analysis, difference=Difference("base.json", None))
    assert place_of(net, LAYER) == ("blocks.py", 7)
