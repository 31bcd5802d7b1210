"""Rows of the tables: what has no count is unknown, what is cut is counted, what never ran is marked."""

from dataclasses import replace

import pytest

from analyzer.formats.markdown import report
from analyzer.values.counts import Layer


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_work_without_a_count_is_unknown_in_its_rows(incomplete):
    rows = [line for line in plain(report.render(incomplete)).splitlines() if "`mixer`" in line and "Mixer" in line]
    assert [row.count("unknown") for row in rows] == [2, 2]


def test_parameters_that_never_run_are_counted_and_marked(incomplete):
    text = plain(report.render(incomplete))
    assert "100 parameters in 1 module took no part." in text
    assert "Linear, never runs" in text


def test_the_rest_of_a_ranking_is_one_row(analysis_of):
    layers = tuple(Layer(f"l{index}", "Linear", params=10, macs=0) for index in range(25))
    text = plain(report.render(analysis_of(layers)))
    assert "| 15 more layers |          150 |  60.0 % |" in text


def test_too_many_blocks_are_cut_and_counted(analysis_of):
    layers = tuple(Layer(f"l{'x' * index}", "Linear", params=100 + index, macs=0) for index in range(40))
    text = plain(report.render(analysis_of(layers)))
    assert "10 more blocks" in text
    blocks = text[text.index("## Blocks") : text.index("## How")]
    assert "|       1.05 k |  21.9 % |" in blocks  # 100 + 101 + ... + 109 of 100 + ... + 139
    assert "MACs" not in blocks


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"receptive_field": (5, 5), "reach": "exact"}, "5×5"),
        ({"receptive_field": (5, 5), "receptive_field_least": (3, 4), "reach": "exact"}, "3×4 to 5×5"),
        ({"receptive_field": (5, 5), "reach": "unaligned"}, "5×5 unaligned"),
        ({"reach": "global"}, "global"),
        ({"reach": "irregular"}, "irregular"),
    ],
)
def test_what_a_layer_reads_is_told(facts, said, analysis):
    layers = [replace(layer, **facts) if layer.path == "head" else layer for layer in analysis.layers]
    text = report.render(replace(analysis, layers=tuple(layers)))
    (row,) = [line for line in text.splitlines() if line.startswith("| `head`") and "1×1024" in line]
    assert f" {said} " in row.replace("\u00a0", " ")
