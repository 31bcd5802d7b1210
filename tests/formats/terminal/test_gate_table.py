"""A failing gate on a terminal: every limit, both sides, what grew; columns are dropped before they are squeezed."""

from dataclasses import replace

import pytest

from analyzer.formats.terminal import summary
from analyzer.values.counts import Absence
from analyzer.values.gate_results import COMPARISON, Difference

GATED = """\
net
fail: Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change +5,120)
drift: Parameter budget of stem.* was exceeded before this change: 464 of 400 (+64; this change nothing)
pass: MAC budget kept: 37.89 k of 40.00 k (2.11 k to spare)
  Cheapest fix: SEP101 depthwise-separable at stem.conv (net.py:8), needs retraining; saves 357 parameters
  ask the owners
compared with main
                         base      now            change    limit  headroom
MACs                  32.77 k  37.89 k  +5,120 (+15.6 %)  40.00 k    2.11 k
Parameters             5.59 k  10.71 k  +5,120 (+91.5 %)  10.00 k      -714
Parameters of stem.*      464      464                 0      400       -64
grew: head (net.py:10) +5,120 parameters: input features 512 to 1024
limit changed: budget 'mobile': limit on params changed from 9k to 10k
10.71 k parameters"""


def test_every_limit_then_both_sides_then_what_grew(gated):
    assert summary.render([gated]).startswith(GATED)


def test_what_two_limits_say_alike_is_said_once(gated, exceeded):
    text = summary.render([replace(gated, budget=(exceeded, replace(exceeded, limit=9_000)))])
    assert text.count("fail: ") == 2
    assert text.count("Cheapest fix") == text.count("ask the owners") == 1


def test_a_base_without_limits(gated, unchanged):
    lines = summary.render([replace(gated, budget=())]).splitlines()
    assert lines[1:4] == [
        "+5,120 parameters, +5,120 MACs",
        "compared with main",
        "               base      now            change",
    ]
    lines = summary.render([replace(unchanged, budget=())]).splitlines()
    assert lines[1:3] == ["Parameters and MACs unchanged", "compared with main: nothing changed"]


def test_a_new_model_is_called_so(analysis):
    text = summary.render([replace(analysis, difference=Difference("main", None))])
    assert "\ncompared with main: the model is new\n" in text


def test_a_base_that_cannot_be_analysed_is_told_above_the_numbers(gated):
    absent = (Absence(COMPARISON, "", "it does not import; only absolute limits were checked"),)
    text = summary.render([replace(gated, difference=None, absences=absent)])
    told = "not compared with the base: it does not import; only absolute limits were checked\n"
    assert text.index(told) < text.index("10.71 k parameters (")
    assert text.count("does not import") == 1
    assert told in summary.render([replace(gated, difference=None, absences=absent), gated])


@pytest.mark.parametrize(("width", "titles"), [(60, ""), (80, "limit"), (100, "limit headroom")])
def test_columns_are_dropped_before_numbers_are_squeezed(width, titles, gated):
    lines = summary.render([gated], width).splitlines()
    assert max(map(len, lines)) <= width
    heading = next(line for line in lines if line.split()[:2] == ["base", "now"])
    assert heading.split()[3:] == titles.split()
    assert any("+5,120 (+91.5 %)" in line for line in lines)


def test_a_long_pattern_is_cut(gated, exceeded):
    long = replace(exceeded, match="encoder.layers.encoder_layer_11.self_attention.out_proj")
    lines = summary.render([replace(gated, budget=(long,))], 80).splitlines()
    row = next(line for line in lines if line.startswith("Parameters of encoder"))
    assert len(row) <= 80
    assert "+5,120 (+91.5 %)" in row
