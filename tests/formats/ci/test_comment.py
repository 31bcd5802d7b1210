from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from analyzer.formats.ci import comment
from analyzer.values.counts import Absence, Layer
from analyzer.values.gate_results import COMPARISON, LayerChange, SettingChange

WHOLE = """\
<!-- analyzer:report key=default -->

## ❌ Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change +5,120)

|                           | budget   |    base |     now |           change |   limit |   headroom |
|:--------------------------|:---------|--------:|--------:|-----------------:|--------:|-----------:|
| ✅ MACs                    | mobile   | 32.77 k | 37.89 k | +5,120 (+15.6 %) | 40.00 k |     2.11 k |
| ❌ Parameters              | mobile   |  5.59 k | 10.71 k | +5,120 (+91.5 %) | 10.00 k |       -714 |
| ⚠️ Parameters of `stem.*` | stem     |     464 |     464 |                0 |     400 |        -64 |

- **What grew:** `head` (`net.py:10`) +5,120 parameters: input features 512 to 1024
- **Cheapest fix:** SEP101 depthwise-separable at stem.conv (net.py:8), needs retraining; saves 357 parameters
- mobile: ask the owners
- **Limit changed:** budget 'mobile': limit on params changed from 9k to 10k

<details>
<summary>1 changed layer</summary>

| layer                 | what changed               |   parameters |   MACs |
|:----------------------|:---------------------------|-------------:|-------:|
| `head`<br>`net.py:10` | input features 512 to 1024 |       +5,120 | +5,120 |

</details>

<sub>compared with main · static count · 1 MAC = 2 FLOPs · input 1×3×8×8 float32</sub>
"""


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def changed(analysis, number):
    """The analysis with so many added layers, of 1, 2, ... parameters."""
    added = tuple(
        LayerChange(f"l{index}", "added", None, Layer(f"l{index}", "Linear", params=index))
        for index in range(1, number + 1)
    )
    return replace(analysis, difference=replace(analysis.difference, layers=added))


def test_the_whole_comment_on_a_broken_budget(gated):
    assert plain(comment.render([gated])) == WHOLE


def test_the_verdict_is_the_first_line_that_is_seen(gated, unchanged, analysis):
    heads = [comment.render([given]).splitlines()[2] for given in (gated, unchanged, analysis)]
    assert heads[0].startswith("## ❌ Parameter budget exceeded")
    assert heads[1].startswith("## ✅ MAC budget kept: ")
    assert heads[2] == "## Analysed"


@pytest.mark.parametrize(("number", "rows", "rest"), [(1, 1, 0), (15, 15, 0), (16, 15, 1), (40, 15, 25)])
def test_at_most_15_changed_rows_and_the_rest_counted(number, rows, rest, gated):
    text = plain(comment.render([changed(gated, number)]))
    assert text.count("| added Linear ") == rows
    assert ("more layer" in text) == (rest > 0)
    # Those cut off are the smallest: 1 + 2 + ... parameters.
    assert not rest or f"| {rest} more layer{'s' if rest > 1 else ''}" in text
    assert not rest or f"+{rest * (rest + 1) // 2} |" in text


def test_the_largest_change_comes_first_whichever_way(gated):
    shrunk = LayerChange("gone", "removed", Layer("gone", "Linear", params=9_000), None)
    layers = (*gated.difference.layers, shrunk)
    text = comment.render([replace(gated, difference=replace(gated.difference, layers=layers))])
    assert text.index("| `gone`") < text.index("| `head`")
    assert "| removed Linear" in text


def test_silent_says_nothing_when_nothing_changed(unchanged):
    assert comment.render([unchanged], silent=True) == ""
    assert "MAC budget kept" in comment.render([unchanged])


def test_silent_speaks_when_something_changed_or_fails(gated, unchanged, exceeded, analysis):
    assert comment.render([gated], silent=True)
    assert comment.render([replace(unchanged, budget=(exceeded,))], silent=True)
    assert comment.render([analysis], silent=True)
    assert comment.render([unchanged, gated], silent=True)
    assert comment.render([unchanged, unchanged], silent=True) == ""


@pytest.mark.parametrize(
    ("key", "expected"), [("nightly", "nightly"), ("a b", "a-b"), ("--> <b>", "-b-"), ("v1.2_x", "v1.2_x")]
)
def test_the_key_is_in_the_first_line_and_cannot_leave_it(key, expected, gated):
    assert comment.render([gated], key=key).splitlines()[0] == f"<!-- analyzer:report key={expected} -->"


def test_of_several_models_the_worst_is_first_and_each_is_named(gated, unchanged):
    other = replace(unchanged, model=replace(unchanged.model, name="small"))
    text = comment.render([other, gated])
    assert text.count("<!--") == 1
    assert text.index("## ❌ net: Parameter budget") < text.index("## ✅ small: MAC budget kept")


def test_several_models_open_with_a_table_of_all_verdicts(gated, unchanged):
    others = [replace(unchanged, model=replace(unchanged.model, name=f"small{number}")) for number in range(200)]
    text = comment.render([*others, gated])
    assert len(text) <= len(text.encode()) <= 60_000
    rows = [line.split(" | ") for line in text.split("## ")[0].splitlines() if line.startswith("| ")]
    assert [row[1].strip() for row in rows] == ["model", "net", *(f"small{number}" for number in range(200))]
    assert rows[1][2].startswith("Parameter budget exceeded: 10.71 k of 10.00 k")
    assert plain(rows[1][3]).strip() == "10.71 k +5,120 (+91.5 %)"
    assert "## " not in text.split("| model")[0]
    assert "| model" not in comment.render([gated])


def test_bases_are_named_once(gated, unchanged):
    assert "<sub>compared with main · static count" in comment.render([gated, unchanged])
    assert "compared with" not in comment.render([replace(gated, difference=None)])


def test_a_base_that_cannot_be_analysed_is_told(gated):
    absent = (Absence(COMPARISON, "", "it does not import; only absolute limits were checked"),)
    text = comment.render([replace(gated, difference=None, absences=absent)])
    assert "- **Not compared with the base:** it does not import; only absolute limits were checked" in text


def test_advice_is_folded_below(advised):
    text = comment.render([advised])
    assert text.count("<details>") == text.count("</details>") == 2
    assert "<summary>1 suggestion (structure only; all need training)</summary>" in text


def test_an_incomplete_count_is_said(incomplete):
    assert "incomplete: 1 operator not counted</sub>" in comment.render([incomplete])


def long(gated, size):
    """A comment of exactly so many bytes, lines of one name each."""

    def named(*names):
        return replace(gated, difference=replace(gated.difference, models_gone=names))

    missing = size - len(comment.render([named("x")]).encode())
    names = ["y" * 1000] * (missing // 1100)
    rest = size - len(comment.render([named("x", *names)], rest="").encode())
    return named("x" * (rest + 1), *names)


@pytest.mark.parametrize(("size", "is_cut"), [(59_000, False), (60_000, False), (60_001, True)])
def test_a_comment_is_cut_above_60000_bytes(size, is_cut, gated):
    text = comment.render([long(gated, size)])
    assert ("full report" in text) == is_cut
    assert len(text.encode()) <= 60_000
    assert is_cut or len(text.encode()) == size


def test_what_is_cut_ends_on_a_row_with_everything_closed(gated):
    long_change = (SettingChange("é" * 4000, 1, 2),)
    wide = tuple(
        LayerChange(
            f"层{index}",
            "changed",
            None,
            Layer(f"层{index}", "Linear", params=1),
            changed=long_change,
        )
        for index in range(15)
    )
    text = comment.render([replace(gated, difference=replace(gated.difference, layers=wide))])
    assert len(text.encode()) <= 60_000
    assert text.endswith(" |\n\n</details>\n\n*The rest is in the full report, in the summary of this run.*\n")
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert html.count("<details>") == html.count("</details>") == 1
    assert text.splitlines()[0] == "<!-- analyzer:report key=default -->"


def test_the_pointer_can_name_the_report(gated):
    text = comment.render([long(gated, 70_000)], rest="See report.md.")
    assert text.endswith("\n\nSee report.md.\n")


@pytest.mark.parametrize("name", ["a|b", "a`b", "<b>x</b>", "*star*", "层.卷积"])
def test_odd_names_stay_names(name, gated):
    change = LayerChange(
        name, "changed", None, Layer(name, name, name, 1, params=5), name, (SettingChange(name, name, name),)
    )
    odd = replace(gated, difference=replace(gated.difference, layers=(change,), models_gone=(name,)))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(comment.render([odd]))
    assert "<b>x" not in html
    assert "<em>star" not in html
