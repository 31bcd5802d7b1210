from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from analyzer.formats.markdown import advice_section, report
from analyzer.values.advice import PlannedChange, PlanStep, Saving

WHOLE = """\
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

### Changes that need retraining

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

**The plan's free and retrained changes together**, in 2 layers: 389 fewer parameters (3.6 %), \
22,848 fewer MACs (60.3 %), as the rewritten model was traced.

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


@pytest.mark.parametrize(("number", "rest"), [(12, ""), (13, "1 more suggestion"), (40, "28 more suggestions")])
def test_all_is_there_but_what_is_beyond_twelve_rows_is_folded(number, rest, advised, separable):
    text = advice_section.proposals(ranked(separable, number), advised.total)
    shown, _, folded = text.partition(f"<summary>{rest}</summary>") if rest else (text, "", "")
    rows = [row for row in cells(shown) if row[0].startswith("SEP101")]
    assert [row[1] for row in rows] == [f"`l{index}`<br>`net.py:8`" for index in range(12)]
    assert len([row for row in cells(folded) if row[0].startswith("SEP101")]) == number - 12


def test_layers_of_which_the_same_is_said_are_one_row(advised, separable):
    found = (*(replace(separable, path=f"l{index}") for index in range(5)), *ranked(separable, 12))
    text = advice_section.proposals(found, advised.total)
    rows = cells(text)[1:]
    assert len([row for row in rows if row[0].startswith("SEP101")]) == 13
    assert rows[0][1:4] == [
        "`l0`, `l1`, `l2` and 2 more<br>`net.py:8`",
        "5 × 357<br>3.3 % each",
        "5 × 22,848<br>60.3 % each",
    ]
    assert "<summary>1 more suggestion</summary>" in text
    assert "- `l0`, `l1`, `l2`, `l3`, `l4`: `nn.Conv2d(3, 16, 3" in text


def test_facts_that_are_alike_are_one_row(advised):
    fact = advised.advice[2]
    text = advice_section.section(replace(advised, advice=(fact, replace(fact, path="b")), together=None))
    assert cells(text)[1][1] == "`head`, `b`<br>`net.py:10`"


def test_only_five_exact_changes_are_listed(advised):
    many = tuple(replace(advised.advice[1], path=f"n{index}", current=f"n{index}") for index in range(9))
    text = advice_section.section(replace(advised, advice=many, together=None))
    shown, _, folded = text.partition("<summary>4 more suggestions</summary>")
    assert (shown.count("BNF301<br>"), folded.count("BNF301<br>")) == (5, 4)


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


PLAN = (
    PlanStep("free", (PlannedChange("PTW301", "collapsible-pointwise", "a", ""),), Saving(32, 0)),
    PlanStep(
        "retrain",
        (
            PlannedChange("SEP101", "depthwise-separable", "b", ""),
            PlannedChange("SEP101", "depthwise-separable", "c", ""),
            PlannedChange("GRP101", "grouped-convolution", "", ""),
        ),
        Saving(357, 22_848),
        0.614,
    ),
    PlanStep("inference", (PlannedChange("BNM302", "foldable-batchnorm", "d", ""),), Saving(16, 0)),
)
TO_DO = """\
1. Free: PTW301 collapsible-pointwise at a: 32 fewer parameters (0.3 %); the output stays as it is.
2. To be retrained: SEP101 depthwise-separable in 2 layers, GRP101 grouped-convolution at the model itself: \
357 fewer parameters (3.3 %), 22,848 fewer MACs (60.3 %); these change what the model computes; \
each layer keeps 61 % of its weight energy or more.
3. For inference, once training is over: BNM302 foldable-batchnorm at d: 16 fewer parameters (0.1 %); \
the output stays as it is.
4. Left out as estimated to be slower on laptop: 1 suggestion."""


def test_the_report_opens_with_what_to_do(advised, separable, analysis):
    planned = replace(advised, plan=PLAN, advice=(replace(separable, time_ratio=1.5),))
    assert plain(advice_section.what_to_do(planned)) == TO_DO
    text = report.render(planned)
    assert text.index("## What to do") < text.index("## Totals") < text.index("## What could be restructured")
    assert "What to do" not in report.render(analysis)


def test_many_rules_are_counted(advised):
    changes = tuple(PlannedChange(f"R{index}", "rule", "x", "") for index in range(6))
    (line,) = advice_section.what_to_do(replace(advised, plan=(PlanStep("free", changes, Saving(1, 0)),))).splitlines()
    assert "R0 rule at x, R1 rule at x, R2 rule at x, 3 more rules: " in line


def test_folds_for_inference_stand_apart(advised):
    fold = replace(advised.advice[1], inference_only=True)
    text = advice_section.section(replace(advised, advice=(fold,), together=None))
    assert text.startswith("### For inference, once training is over")
    assert "### Changes that leave the output as it is" not in text


def test_what_is_estimated_to_be_slower_is_marked(advised, separable):
    row = cells(advice_section.proposals((replace(separable, time_ratio=1.5),), advised.total))[1]
    assert row[5] == "memory-bound (estimated slower: ×1.5)"


@pytest.mark.parametrize(("second", "repeated"), [("the weights look untrained", 0), ("keeps 61 %", 2)])
def test_evidence_that_is_the_same_for_all_is_said_once(second, repeated, advised):
    first = next(item for item in advised.advice if item.effort == "retrain")
    found = (
        replace(first, path="a", evidence="the weights look untrained"),
        replace(first, path="b", evidence=second, proposed="nn.Identity()"),
    )
    text = plain(advice_section.proposals(found, advised.total))
    assert ("Evidence for all of them: the weights look untrained." in text) == (repeated == 0)
    assert sum(cell in ("the weights look untrained", "keeps 61 %") for row in cells(text) for cell in row) == repeated


def test_evidence_that_most_share_is_said_once(advised):
    first = next(item for item in advised.advice if item.effort == "retrain")
    said = ["the weights look untrained"] * 4 + ["keeps 61 %", None]
    found = tuple(replace(first, path=f"p{i}", proposed=f"n{i}", evidence=each) for i, each in enumerate(said))
    text = plain(advice_section.proposals(found, advised.total))
    assert text.count("the weights look untrained") == 1
    assert "Evidence where a row has none of its own: the weights look untrained." in text
    assert [row[-1] for row in cells(text)[1:]] == ["", "", "", "", "keeps 61 %", "none"]
