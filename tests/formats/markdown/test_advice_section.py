from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from analyzer.formats.markdown import advice_section, report
from analyzer.values.results import Saving

WHOLE = """\
Each changes what the model computes and needs retraining. Bounds are for laptop.

| suggestion                    | layer                     |   parameters saved |       MACs saved \
|   bytes moved | bound        |
|:------------------------------|:--------------------------|-------------------:|-----------------:\
|--------------:|:-------------|
| SEP101<br>depthwise-separable | `stem.conv`<br>`net.py:8` |       357<br>3.3 % | 22,848<br>60.3 % \
|         ×1.25 | memory-bound |

<details>
<summary>In code, with alternatives and notes</summary>

**SEP101 depthwise-separable**

- pointwise first fits trained kernels better
- `stem.conv`: `nn.Conv2d(3, 16, 3, padding=1, bias=False)` → \
`nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False), nn.Conv2d(3, 16, 1, bias=False))`

</details>

**Taken together**, at most one for each layer, in 2 layers: 389 fewer parameters (3.6 %), \
22,848 fewer MACs (60.3 %), as the rewritten model was traced.

### Changes that leave the output as it is

By structure: a trace of the model with them has the same operators everywhere else.

| suggestion                   | layer                     |   parameters saved |   MACs saved |   bytes moved |
|:-----------------------------|:--------------------------|-------------------:|-------------:|--------------:|
| BNF301<br>foldable-batchnorm | `stem.norm`<br>`net.py:9` |        32<br>0.3 % |            0 |         ×0.50 |

<details>
<summary>In code, with alternatives and notes</summary>

**BNF301 foldable-batchnorm**

- `stem.norm`: `nn.BatchNorm2d(16)` → `nn.Identity()`

</details>

### Facts

| fact                 | layer                 | what is there                  |
|:---------------------|:----------------------|:-------------------------------|
| HED201<br>heavy-head | `head`<br>`net.py:10` | holds 95.7 % of the parameters |

<details>
<summary>Notes on these facts</summary>

**HED201 heavy-head**

- pool before it

</details>"""


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def cells(text: str) -> list[list[str]]:
    """Body cells of all tables."""
    rows = [line for line in plain(text).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_whole_section(advised):
    assert plain(advice_section.section(advised)) == WHOLE


def test_it_stands_right_after_the_heaviest_layers(advised, analysis):
    text = report.render(advised)
    assert (
        text.index("## Heaviest layers by MACs") < text.index("## What could be restructured") < text.index("## Blocks")
    )
    assert "What could be" not in report.render(analysis)


def ranked(separable, number):
    return tuple(replace(separable, path=f"l{index}", saved=Saving(100 - index, 1)) for index in range(number))


@pytest.mark.parametrize(
    ("number", "last"), [(12, "SEP101<br>depthwise-separable"), (13, "1 more suggestion"), (40, "28 more suggestions")]
)
def test_the_table_is_cut_at_twelve_and_the_rest_counted(number, last, advised, separable):
    rows = cells(advice_section.proposals(ranked(separable, number), advised.total))[1:]
    assert len(rows) == min(number, 13)
    assert rows[-1][0] == last
    assert rows[0][1] == "`l0`<br>`net.py:8`"


def test_layers_of_which_the_same_is_said_are_one_row(advised, separable):
    found = (*(replace(separable, path=f"l{index}") for index in range(5)), *ranked(separable, 12))
    text = advice_section.proposals(found, advised.total)
    rows = cells(text)[1:]
    assert len(rows) == 13
    assert rows[0][1:4] == [
        "`l0`, `l1`, `l2` and 2 more<br>`net.py:8`",
        "5 × 357<br>3.3 % each",
        "5 × 22,848<br>60.3 % each",
    ]
    assert rows[-1][0] == "1 more suggestion"
    assert "- `l0`, `l1`, `l2`, `l3`, `l4`: `nn.Conv2d(3, 16, 3" in text


def test_facts_that_are_alike_are_one_row(advised):
    fact = advised.advice[2]
    text = advice_section.section(replace(advised, advice=(fact, replace(fact, path="b")), together=None))
    assert cells(text)[1][1] == "`head`, `b`<br>`net.py:10`"


def test_only_five_exact_changes_are_listed(advised):
    many = tuple(replace(advised.advice[1], path=f"n{index}", current=f"n{index}") for index in range(9))
    text = advice_section.section(replace(advised, advice=many, together=None))
    assert cells(text)[-1][0] == "4 more suggestions"


def test_notes_of_all_are_said_once_and_own_ones_below_their_layer(advised, separable):
    first, second = (
        replace(separable, path=path, current=path, notes=("all say so", f"only {path}")) for path in ("a", "b")
    )
    lines = advice_section.proposals((first, second), advised.total).splitlines()
    assert lines.count("- all say so") == 1
    own = lines.index("  - only a")
    assert lines[own - 1].startswith("- `a`: ")
    assert lines.count("  - only b") == 1


def test_what_costs_more_has_its_sign(advised, separable):
    dearer = replace(separable, saved=Saving(0, -37_888 * 2))
    row = cells(advice_section.proposals((dearer,), advised.total))[1]
    assert row[2:4] == ["0", "-75,776<br>-200.0 %"]


def test_mixed_efforts_are_a_column(advised, separable):
    both = (separable, replace(separable, path="b", effort="finetune"))
    rows = cells(advice_section.proposals(both, advised.total))
    assert rows[0][5] == "effort"
    assert [row[5] for row in rows[1:]] == ["retrain", "finetune"]
    assert "Each changes" not in advice_section.proposals(both, advised.total)


def test_two_devices_are_named_in_each_row(advised, separable):
    both = (separable, replace(separable, path="b", bound="compute", device="server"))
    text = advice_section.proposals(both, advised.total)
    assert "Bounds are" not in text
    assert [row[5] for row in cells(text)[1:]] == ["memory-bound on laptop", "compute-bound on server"]


def test_evidence_is_a_column_when_there_is_some(advised, separable):
    with_weights = replace(separable, evidence="keeps 90 %, noise 20 %")
    assert cells(advice_section.proposals((with_weights,), advised.total))[1][-1] == "keeps 90 %, noise 20 %"


def test_only_facts_are_a_section_too(advised):
    text = advice_section.section(replace(advised, advice=advised.advice[2:], together=None))
    assert text.startswith("### Facts")


@pytest.mark.parametrize("name", ["a|b", "a`b", "<b>x</b>", "*star*", "层.卷积"])
def test_odd_names_stay_names(name, advised):
    odd = tuple(replace(advice, path=name, name=name, current=name, notes=(name,)) for advice in advised.advice)
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(advice_section.section(replace(advised, advice=odd)))
    )
    assert "<b>x" not in html
    assert "<em>star" not in html
