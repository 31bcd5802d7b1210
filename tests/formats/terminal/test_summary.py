from dataclasses import replace

import pytest

from analyzer.formats.terminal import summary
from analyzer.values.counts import Absence, Layer, Uncounted

WHOLE = """\
net
10.71 k parameters (10,714) · 37.89 k MACs (37,888) · 41.9 KiB of parameters · input 1×3×8×8 float32 · complete

heaviest by parameters               parameters   share  source
head                    Linear          10.25 k  95.7 %  net.py:10
stem.conv               Conv2d              432   4.0 %  net.py:8
stem.norm               BatchNorm2d          32   0.3 %  net.py:9

heaviest by MACs             MACs   share  source
stem.conv         Conv2d  27.65 k  73.0 %  net.py:8
head              Linear  10.24 k  27.0 %  net.py:10
written to reports/net.md
"""


def test_the_whole_summary_of_a_small_network(analysis):
    assert summary.render([analysis], written=["reports/net.md"]) == WHOLE


def test_what_was_assumed_stands_above_the_numbers(analysis):
    sentences = tuple(f"sentence {number}" for number in range(7))
    lines = summary.render([replace(analysis, model=replace(analysis.model, assumptions=sentences))]).splitlines()
    shown = [f"assumed: sentence {number}" for number in range(summary.MAX_LISTED)]
    assert lines[2 : 3 + summary.MAX_LISTED] == [*shown, "assumed: 2 more, in the report"]


def test_colours_are_for_terminals_only(analysis):
    assert "\x1b[" not in summary.render([analysis])
    assert "\x1b[" in summary.render([analysis], colour=True)


def test_what_is_missing_is_named(incomplete):
    text = summary.render([incomplete])
    assert "not counted: mylib.mix.default, 2 calls: no formula for mylib.mix\n" in text
    assert "never run: 100 parameters in 1 module\n" in text


def test_many_missing_operators_are_cut_and_counted(analysis):
    missing = tuple(Uncounted(f"op{index}", 1, (), "no formula") for index in range(8))
    text = summary.render([replace(analysis, complete=False, uncounted=missing)])
    assert text.count("no formula") == summary.MAX_LISTED
    assert "not counted: 3 more operators\n" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_narrow_terminal_costs_folders_and_never_digits(width, analysis_of):
    path = "encoder.layers.encoder_layer_11.self_attention.out_proj"
    text = summary.render(
        [analysis_of((Layer(path, "Linear", "site/models/net.py", 1234, params=123_456, macs=7),))], width
    )
    assert max(map(len, text.splitlines())) <= width
    assert "123.46 k" in text
    assert "out_proj" in text


def test_a_checkpoint_and_an_empty_model_have_a_summary(checkpoint, analysis_of):
    assert "MACs unknown" in summary.render([checkpoint])
    assert "0 parameters" in summary.render([analysis_of(())])


def test_several_models_are_one_table(analysis, checkpoint):
    assert summary.render([analysis, checkpoint], written=["a.md"]) == (
        "model    parameters  ratio     MACs    ratio      size\n"
        "net         10.71 k  1.00×  37.89 k    1.00×  41.9 KiB  complete\n"
        "weights         592  0.06×  unknown  unknown   2.0 KiB  incomplete\n"
        "written to a.md\n"
    )


@pytest.mark.parametrize("width", [60, 80, 100])
def test_advice_and_verdicts_fit_a_narrow_terminal(width, advised, gated):
    text = summary.render([replace(gated, advice=advised.advice, together=advised.together)], width)
    assert max(map(len, text.splitlines())) <= width
    assert "SEP101 " in text


def test_several_models_open_with_a_verdict_each(gated, unchanged):
    assert summary.render([gated, unchanged]).splitlines()[:2] == [
        "net: fail: Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change +5,120)",
        "net: pass: MAC budget kept: 37.89 k of 40.00 k (2.11 k to spare)",
    ]


def test_what_is_missing_beside_the_count_is_a_line_each(analysis):
    missing = tuple(Absence(f"rule {index}", "stem.conv", "unexpected KeyError: -1") for index in range(8))
    text = summary.render([replace(analysis, absences=missing)])
    assert "left out: rule 0 at stem.conv: unexpected KeyError: -1\n" in text
    assert text.count("left out: rule") == 5
    assert "left out: 3 more facts\n" in text
