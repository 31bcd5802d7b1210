from dataclasses import replace

import pytest

from analyzer.formats.markdown import report
from analyzer.formats.markdown.latency_section import MOST, section, side_by_side
from analyzer.formats.terminal import summary
from analyzer.values.timings import (
    Conditions,
    Energy,
    Latency,
    LayerTiming,
    ProposalTiming,
    TargetTiming,
    TimeRatio,
    Timing,
)

CONDITIONS = Conditions("cpu", "x86_64, AVX2", "float32", 1, ((1, 3, 8, 8),), False, "random", "2.14.1")
STEADY = Timing(0.1, 0.002, 0.104, 0.099, 40)
NOISY = replace(STEADY, noise="two interleaved series of the same disagree: 0.10 s and 0.15 s")
CONV = LayerTiming("stem.conv", "Conv2d", 1, 27_648, replace(STEADY, median=0.03), STEADY)
HEAD = LayerTiming("head", "Linear", 1, 10_240, replace(STEADY, median=0.01), reason="it has layers inside it")
SEPARABLE = ProposalTiming(
    "SEP101",
    "depthwise-separable",
    ("stem.conv", "other"),
    0.14,
    STEADY,
    replace(STEADY, median=0.095),
    TimeRatio(0.95, 0.93, 0.97),
    (0.2, 0.4),
)


def rows(text):
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]


@pytest.fixture
def timed(analysis):
    def timed(**found):
        return replace(analysis, latency=Latency(CONDITIONS, **found))

    return timed


def test_nothing_is_said_when_nothing_was_timed(analysis):
    assert section(analysis) == ""
    assert side_by_side([analysis]) == ""
    assert "Measured time" not in report.render(analysis)


def test_the_promise_stands_beside_the_clock(timed):
    text = section(timed(layers=(CONV, HEAD), proposals=(SEPARABLE,)), "net-latency.svg")
    assert ["SEP101<br>depthwise-separable", "`stem.conv` and 1 alike", "×0.14", "0.20 to 0.40"] in [
        [cell.replace("\u00a0", " ") for cell in row[:4]] for row in rows(text)
    ]
    (row,) = (row for row in rows(text) if row[0].startswith("SEP101"))
    assert [cell.replace("\u00a0", " ") for cell in row[4:]] == ["×0.95", "0.93 to 0.97", "100 ms", "95 ms"]
    assert "- SEP101 depthwise-separable takes 0.95 of the time in stem.conv (for 0.14 of the MACs)." in text
    assert "![MACs against measured time, layers and proposals](<net-latency.svg>)" in text


def test_noise_stands_in_place_of_the_number(timed):
    noisy = replace(SEPARABLE, ratio=TimeRatio(0.95, 0.5, 1.5, "two interleaved series of the same disagree: 1 and 2"))
    text = section(timed(model=NOISY, layers=(replace(CONV, in_context=NOISY),), proposals=(noisy,)))
    (row,) = (row for row in rows(text) if row[0].startswith("SEP101"))
    assert row[4].replace("\u00a0", " ") == "too noisy to say"
    assert "×0.95" not in text
    assert "Too noisy to say: 3 numbers." in text
    assert "- stem.conv in context: two interleaved series of the same disagree: 0.10 s and 0.15 s" in text


def test_a_proposal_that_was_not_timed_says_why(timed):
    untimed = ProposalTiming("DIL101", "dilated-kernel", ("conv",), None, reason="the model does not run with it")
    text = section(timed(proposals=(untimed,)))
    assert "Not timed: 1 proposal" in text
    assert "- DIL101 at `conv`: the model does not run with it" in text


def test_layers_are_ranked_by_time_with_their_share(timed):
    text = section(timed(layers=(HEAD, CONV)))
    names = [row[0] for row in rows(text) if row[0] in ("`stem.conv`", "`head`")]
    assert names == ["`stem.conv`", "`head`"]
    assert "75.0" in text


def test_many_layers_are_cut_and_folded(timed):
    many = tuple(replace(CONV, path=f"layer{number}") for number in range(MOST + 3))
    text = section(timed(layers=many))
    assert f"All {MOST + 3} layers timed, in execution order" in text
    assert text.count("`layer0`") == 2
    assert text.count(f"`layer{MOST + 2}`") == 1


def test_an_interruption_is_said_first(timed):
    assert section(timed(model=STEADY, partial=True)).startswith("**It was stopped before everything was timed:**")
    assert "interrupted" not in section(timed(model=STEADY))


@pytest.mark.parametrize(
    ("energy", "said"),
    [
        (Energy(None, "this machine offers no counters"), "Energy: unavailable, this machine offers no counters."),
        (Energy(1.2345, "RAPL", 20), "Energy: 1.23 J each inference over 20 runs (RAPL)."),
    ],
)
def test_energy(timed, energy, said):
    assert said in section(timed(energy=energy))


def test_several_models_in_turns_are_a_table_of_ratios(timed):
    targets = (TargetTiming("net", 4000, STEADY), TargetTiming("other", 1000, STEADY, TimeRatio(0.5, 0.4, 0.6)))
    text = side_by_side([timed(comparison=targets)])
    assert [[row[0], row[2], row[-1]] for row in rows(text)][1:] == [
        ["`net`", "×1.00", ""],
        ["`other`", "×0.25", "×0.50"],
    ]
    assert "On cpu (x86\\_64, AVX2)" in text or "On cpu (x86_64, AVX2)" in text


def test_the_terminal_sums_up(timed):
    text = summary.render([timed(model=STEADY, proposals=(SEPARABLE,), partial=True)])
    assert "one inference on cpu, 1 thread: 100 ms (IQR 2 ms, p95 104 ms, least 99 ms, 40 runs)" in text
    assert "interrupted: this is what had been timed until then" in text
    assert "SEP101 depthwise-separable takes 0.95 of the time in stem.conv" in text
