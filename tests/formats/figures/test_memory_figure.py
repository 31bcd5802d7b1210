"""The memory curve as a picture."""

from dataclasses import replace
from xml.etree import ElementTree

from analyzer.formats import default_files
from analyzer.formats.figures import memory_figure
from analyzer.formats.figures.memory_figure import thinned
from analyzer.values.estimates import Estimates, MemoryEstimate, MemoryPoint, Span, TimeEstimate
from analyzer.values.results import Analysis

CURVE = tuple(MemoryPoint(f"block{index // 4}.conv{index % 4}", 1000 * (index % 7)) for index in range(40))
MEMORY = MemoryEstimate(6000, 6000, "block1.conv2", "aten.convolution", 0, (), CURVE)
TIME = TimeEstimate("this", "", "float32", Span(0, 0), ())


def estimated(analysis: Analysis, memory: MemoryEstimate = MEMORY) -> Analysis:
    return replace(analysis, estimates=Estimates(TIME, memory))


def test_a_picture_that_is_the_same_every_time(analysis: Analysis) -> None:
    text = memory_figure.render(estimated(analysis))
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert text == memory_figure.render(estimated(analysis))


def test_no_picture_without_an_estimate(analysis: Analysis) -> None:
    assert memory_figure.render(analysis) == ""
    assert memory_figure.render(estimated(analysis, replace(MEMORY, curve=()))) == ""


def test_a_curve_of_nothing_is_drawn(analysis: Analysis) -> None:
    flat = replace(MEMORY, peak_bytes=0, curve=(MemoryPoint("", 0),))
    assert memory_figure.render(estimated(analysis, flat))


def test_of_neighbours_the_largest_is_kept() -> None:
    curve = [MemoryPoint(str(value), value) for value in (1, 5, 2, 3, 9)]
    assert [point.nbytes for point in thinned(curve, 3)] == [5, 3, 9]
    assert thinned(curve, 5) == tuple(curve)


def test_the_report_stands_beside_it(analysis: Analysis) -> None:
    files = default_files([estimated(analysis)], "reports")
    name = analysis.model.name
    assert set(files) == {f"reports/{name}.md", f"reports/{name}.svg", f"reports/{name}-memory.svg"}
    assert f"(<{name}-memory.svg>)" in files[f"reports/{name}.md"]
    assert set(default_files([analysis], "reports")) == {f"reports/{name}.md", f"reports/{name}.svg"}
