from dataclasses import replace
from xml.etree import ElementTree

from analyzer.formats import files
from analyzer.formats.figures import latency_figure
from analyzer.formats.figures.latency_figure import Dot, layer_dots, named, proposal_dots
from analyzer.values.timings import Conditions, Latency, LayerTiming, ProposalTiming, TimeRatio, Timing

CONDITIONS = Conditions("cpu", "x86_64, AVX2", "float32", 1, ((1, 3, 8, 8),), False, "random", "2.14.1")


def layer(path, macs, seconds, noise=""):
    return LayerTiming(path, "Conv2d", 1, macs, Timing(seconds, 0, seconds, seconds, 4, noise))


def proposal(rule, macs, time, noise=""):
    return ProposalTiming(rule, "name", ("conv",), macs, ratio=TimeRatio(time, time, time, noise))


LATENCY = Latency(
    CONDITIONS,
    layers=(layer("a", 300, 0.1), layer("b", 100, 0.3), layer("relu", 0, 0.1), layer("c", 100, 0.5, "noisy")),
    proposals=(proposal("SEP101", 0.1, 0.2), proposal("GRP101", 0.25, 0.5), proposal("SEP101", 0.1, 0.9, "noisy")),
)


def test_a_layer_is_its_share_of_macs_and_of_time_in_percent():
    assert [tuple(round(value) for value in dot[:2]) for dot in layer_dots(LATENCY)] == [(60, 10), (20, 30)]
    assert [dot.name for dot in layer_dots(LATENCY)] == ["a", "b"]


def test_a_proposal_is_both_ratios_by_rule_and_noise_is_left_out():
    assert proposal_dots(LATENCY.proposals) == {
        "GRP101 name": [Dot(0.25, 0.5, "conv")],
        "SEP101 name": [Dot(0.1, 0.2, "conv")],
    }


def test_names_go_to_what_takes_more_time_than_its_macs_and_not_to_neighbours():
    dots = [Dot(10, 10, "even"), Dot(1, 9, "slow"), Dot(1.1, 9, "beside"), Dot(1, 2, "slower")]
    assert [dot.name for dot in named(dots)] == ["slow", "slower", "even"]


def test_the_same_data_are_the_same_picture(analysis):
    timed = replace(analysis, latency=LATENCY)
    first = latency_figure.render(timed)
    assert first == latency_figure.render(timed)
    ElementTree.fromstring(first)


def test_nothing_timed_is_no_picture(analysis):
    assert latency_figure.render(analysis) is None
    assert latency_figure.render(replace(analysis, latency=Latency(CONDITIONS))) is None


def test_layers_alone_are_a_picture_too(analysis):
    assert latency_figure.render(replace(analysis, latency=replace(LATENCY, proposals=())))


def test_the_picture_stands_beside_the_report(analysis):
    written = files([replace(analysis, latency=LATENCY)], "markdown", "out/net.md")
    assert list(written) == ["out/net.md", "out/net.svg", "out/net-latency.svg"]
    assert "(<net-latency.svg>)" in written["out/net.md"]
    assert list(files([analysis], "markdown", "out/net.md")) == ["out/net.md", "out/net.svg"]
