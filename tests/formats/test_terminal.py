from dataclasses import replace

import pytest

from analyzer.formats import terminal
from analyzer.results import Layer, Uncounted

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
    assert terminal.render(analysis, written=["reports/net.md"]) == WHOLE


def test_colours_are_for_terminals_only(analysis):
    assert "\x1b[" not in terminal.render(analysis)
    assert "\x1b[" in terminal.render(analysis, colour=True)


def test_what_is_missing_is_named(incomplete):
    text = terminal.render(incomplete)
    assert "not counted: mylib.mix.default, 2 calls: no formula for mylib.mix\n" in text
    assert "never run: 100 parameters in 1 module\n" in text


def test_many_missing_operators_are_cut_and_counted(analysis):
    missing = tuple(Uncounted(f"op{index}", 1, (), "no formula") for index in range(8))
    text = terminal.render(replace(analysis, complete=False, uncounted=missing))
    assert text.count("no formula") == terminal.MAX_UNCOUNTED
    assert "not counted: 3 more operators\n" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_narrow_terminal_costs_folders_and_never_digits(width, analysis_of):
    path = "encoder.layers.encoder_layer_11.self_attention.out_proj"
    text = terminal.render(
        analysis_of((Layer(path, "Linear", "site/models/net.py", 1234, params=123_456, macs=7),)), width
    )
    assert max(map(len, text.splitlines())) <= width
    assert "123.46 k" in text
    assert "out_proj" in text


def test_names_are_not_markup(analysis_of):
    assert "[red]x[/red]" in terminal.render(analysis_of((Layer("[red]x[/red]", "[b]", params=1),)))


def test_a_checkpoint_and_an_empty_model_have_a_summary(checkpoint, analysis_of):
    assert "MACs unknown" in terminal.render(checkpoint)
    assert "0 parameters" in terminal.render(analysis_of(()))


def test_several_models_are_one_table(analysis, checkpoint):
    assert terminal.render_comparison([analysis, checkpoint], written=["a.md"]) == (
        "model    parameters  ratio     MACs    ratio      size\n"
        "net         10.71 k  1.00×  37.89 k    1.00×  41.9 KiB  complete\n"
        "weights         592  0.06×  unknown  unknown   2.0 KiB  incomplete\n"
        "written to a.md\n"
    )
