from dataclasses import replace

import pytest

from analyzer.formats.markdown import gate_section, report
from analyzer.values.counts import Layer
from analyzer.values.gate_results import Difference, Growth, LayerChange, Remedy, SettingChange


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def cells(text: str) -> list[list[str]]:
    rows = [line for line in plain(text).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_report_opens_with_the_verdict(gated):
    lines = report.render(gated).splitlines()
    assert lines[0] == "# ❌ net: Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change +5,120)"
    text = "\n".join(lines)
    assert text.index("## Budget") < text.index("## Changed against main") < text.index("## Totals")


def test_without_budget_and_base_the_report_is_as_before(analysis):
    text = report.render(analysis)
    assert text.startswith("# net\n")
    assert "Budget" not in text


def test_a_base_without_limits_shows_what_changed(gated):
    text = report.render(replace(gated, budget=(), verdict=None))
    assert text.startswith("# net: +5,120 parameters, +5,120 MACs\n")
    assert cells(gate_section.totals(replace(gated, budget=()))) == [
        ["", "base", "now", "change"],
        ["Parameters", "5.59 k", "10.71 k", "+5,120 (+91.5 %)"],
        ["MACs", "32.77 k", "37.89 k", "+5,120 (+15.6 %)"],
    ]


def test_limits_without_a_base_have_no_columns_for_it(gated, exceeded):
    alone = replace(gated, budget=(replace(exceeded, base=None),), difference=None)
    assert cells(gate_section.totals(alone)) == [
        ["", "now", "limit", "headroom"],
        ["MACs", "37.89 k", "", ""],
        ["❌ Parameters", "10.71 k", "10.00 k", "-714"],
    ]


def test_two_numbers_that_would_look_alike_are_exact(gated, exceeded):
    close = replace(gated, budget=(replace(exceeded, value=10_001, base=None),), difference=None)
    assert cells(gate_section.totals(close))[2] == ["❌ Parameters", "10,001", "10,000", "-1"]


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"value": None, "status": "unknown"}, ["❔ Parameters", "unknown", "10.00 k", "unknown"]),
        ({"limit": None, "status": "unknown"}, ["❔ Parameters", "10.71 k", "none", "unknown"]),
        ({"status": "off"}, ["Parameters", "10.71 k", "10.00 k", "-714"]),
        (
            {"metric": "size", "value": 2**20, "limit": 2**21, "status": "pass"},
            ["✅ Size", "1.0 MiB", "2.0 MiB", "1.0 MiB"],
        ),
    ],
)
def test_each_limit_is_a_row(changes, row, gated, exceeded):
    alone = replace(gated, budget=(replace(exceeded, base=None, **changes),), difference=None)
    assert cells(gate_section.totals(alone))[-1] == row


def test_a_new_model_has_no_change(analysis):
    new = replace(analysis, difference=Difference("main", None))
    assert cells(gate_section.totals(new))[0] == ["", "now"]
    assert report.render(new).startswith("# net: New model: 10.71 k parameters, 37.89 k MACs\n")


def test_what_grew_is_by_the_number_that_decided(gated, exceeded):
    conv = Layer("conv", "Conv2d", "net.py", 8, params=1, macs=9_000)
    changed = (*gated.difference.layers, LayerChange("conv", "added", None, conv))
    over_macs = replace(exceeded, metric="macs", value=37_888, limit=30_000)
    given = replace(gated, budget=(over_macs,), difference=replace(gated.difference, layers=changed))
    assert gate_section.findings(given).splitlines()[0] == (
        "- **What grew:** `conv` (`net.py:8`) +9,000 MACs: added Conv2d; "
        "`head` (`net.py:10`) +5,120 MACs: input features 512 to 1024"
    )


def test_what_shrank_did_not_grow(gated):
    shrunk = LayerChange("gone", "removed", Layer("gone", "Linear", params=9), None)
    given = replace(gated, difference=replace(gated.difference, layers=(shrunk,)))
    assert "What grew" not in gate_section.findings(given)


@pytest.mark.parametrize(
    ("changed", "row"),
    [
        (
            LayerChange("a", "moved", Layer("b", "Linear", params=3), Layer("a", "Linear", params=3), "b"),
            ["`a`", "moved from `b`", "0", "0"],
        ),
        (
            LayerChange(
                "a",
                "changed",
                Layer("b", "X", params=3),
                Layer("a", "X", params=1),
                "b",
                (SettingChange("groups", 1, 3),),
            ),
            ["`a`", "was `b`; groups 1 to 3", "-2", "0"],
        ),
        (
            LayerChange("a", "removed", Layer("a", "Linear", "n.py", 3, params=7, macs=5), None),
            ["`a`", "removed Linear", "-7", "-5"],
        ),
        (LayerChange("a", "added", None, Layer("a", "FFT", macs=None)), ["`a`", "added FFT", "0", "unknown"]),
        (
            LayerChange("", "changed", Layer("", "Net", params=1), Layer("", "Net")),
            ["the model itself", "changed", "-1", "0"],
        ),
    ],
)
def test_each_change_says_what_happened(changed, row, gated):
    given = replace(gated, difference=replace(gated.difference, layers=(changed,)))
    assert cells(gate_section.changes(given, 5))[1] == row


def test_without_a_base_nothing_changed(analysis):
    assert gate_section.changes(analysis, 5) == ""
    assert gate_section.findings(analysis) == ""


def test_ways_back_notes_and_messages_are_said_once(gated, exceeded):
    again = replace(exceeded, limit=9_000, growth=Growth(1, 50, 0))
    lines = gate_section.findings(replace(gated, budget=(exceeded, again, exceeded))).splitlines()
    assert lines[1:-1] == [
        "- **Cheapest fix:** SEP101 depthwise-separable at stem.conv (net.py:8), needs retraining; "
        "saves 357 parameters",
        "- Parameter growth budget (mobile): may grow by 2 %",
        "- mobile: ask the owners",
    ]


def test_different_ways_back_say_of_what(gated, exceeded):
    other = replace(exceeded, metric="macs", remedy=Remedy())
    text = gate_section.findings(replace(gated, budget=(exceeded, other)))
    assert "- **Cheapest fix (Parameters):** SEP101 depthwise-separable at stem.conv (net.py:8)" in text
    assert "- **Cheapest fix (MACs):** no piece of advice, nor all of them together, brings it under the limit" in text


def test_a_limit_on_growth_is_told_apart_in_its_row(gated, exceeded):
    both = (exceeded, replace(exceeded, growth=Growth(1, 50, 0)))
    assert [row[0] for row in cells(gate_section.totals(replace(gated, budget=both)))[2:]] == [
        "❌ Parameters",
        "❌ Growth of parameters",
    ]
