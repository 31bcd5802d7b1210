import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from analyzer.formats.markdown import report
from analyzer.values.counts import Absence, Layer, Model, NeverRun, StoredTensor, Uncounted

# stem.conv 16·3·3·3 = 432 and 432·8·8 = 27,648; stem.norm 2·16 = 32; head 1024·10 + 10 = 10,250 and 10,240.
WHOLE = """\
# net

**10.71 k parameters** (10,714) · **37.89 k MACs** (37,888) · **41.9 KiB** of parameters · \
**input** 1×3×8×8 float32 · **complete**

![Where the parameters and MACs of net lie along its depth](<net.svg>)

## Totals

| total                           |          |   exact |
|:--------------------------------|---------:|--------:|
| Parameters                      |  10.71 k |  10,714 |
| Bytes of parameters             | 41.9 KiB |  42,856 |
| MACs                            |  37.89 k |  37,888 |
| FLOPs of MACs, 2 each           |  75.78 k |  75,776 |
| Other FLOPs                     |   2.06 k |   2,058 |
| Elements of activations         |   3.00 k |   3,000 |
| Peak bytes of activations alone |  8.0 KiB |   8,192 |

## Heaviest layers by parameters

| layer       |   parameters |   share | kind        | source      |
|:------------|-------------:|--------:|:------------|:------------|
| `head`      |      10.25 k |  95.7 % | Linear      | `net.py:10` |
| `stem.conv` |          432 |   4.0 % | Conv2d      | `net.py:8`  |
| `stem.norm` |           32 |   0.3 % | BatchNorm2d | `net.py:9`  |

## Heaviest layers by MACs

| layer       |    MACs |   share | kind   | output   | source      |
|:------------|--------:|--------:|:-------|:---------|:------------|
| `stem.conv` | 27.65 k |  73.0 % | Conv2d | 1×16×8×8 | `net.py:8`  |
| `head`      | 10.24 k |  27.0 % | Linear | 1×10     | `net.py:10` |

## Blocks

| block       | kind        |   parameters |   share |    MACs |   share |
|:------------|:------------|-------------:|--------:|--------:|--------:|
| `stem.conv` | Conv2d      |          432 |   4.0 % | 27.65 k |  73.0 % |
| `stem.norm` | BatchNorm2d |           32 |   0.3 % |       0 |     0 % |
| `head`      | Linear      |      10.25 k |  95.7 % | 10.24 k |  27.0 % |

## How this was counted

- `Net` from `net.py:Net`, written in `net.py:5`.
- Traced on meta tensors, no weights needed (4 operators ran).
- 1 MAC is one multiply-add of a contraction (convolution, linear, matrix product, attention) and 2 FLOPs; \
bias, normalization, activation, pooling and elementwise work are other FLOPs.
- Work is for the whole input as given, batch included; a parameter that several layers share is counted once, \
for the first of them; a layer's numbers leave out its children's.

<details>
<summary>All 3 layers (2 modules without parameters or work left out)</summary>

| layer       | kind        | source      | input    | output   |   parameters |   MACs |   other FLOPs |
|:------------|:------------|:------------|:---------|:---------|-------------:|-------:|--------------:|
| `stem.conv` | Conv2d      | `net.py:8`  | 1×3×8×8  | 1×16×8×8 |          432 | 27,648 |             0 |
| `stem.norm` | BatchNorm2d | `net.py:9`  | 1×16×8×8 | 1×16×8×8 |           32 |      0 |         2,048 |
| `head`      | Linear      | `net.py:10` | 1×1024   | 1×10     |       10,250 | 10,240 |            10 |

</details>
"""


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


def test_the_whole_report_of_a_small_network(analysis):
    assert plain(report.render(analysis, "net.svg")) == WHOLE


@pytest.mark.parametrize("kind", ["analysis", "incomplete", "checkpoint"])
def test_no_line_ends_in_blanks(kind, request):
    text = report.render(request.getfixturevalue(kind))
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_what_is_missing_is_said_first_and_listed_next(incomplete):
    text = plain(report.render(incomplete))
    assert "**at least 37.89 k MACs** (37,888)" in text
    assert "**incomplete: 1 operator not counted**" in text
    assert headings(text)[0] == "Not counted"
    assert "| `mylib.mix.default` |       2 | `mixer`  | no formula for mylib.mix |" in text
    assert "- Counted for this input: 5 operators ran for real: mylib.mix needs values." in text


def test_a_checkpoint_alone_speaks_of_tensors_and_not_of_work(checkpoint):
    text = plain(report.render(checkpoint))
    assert headings(text) == ["Totals", "Stored types", "How this was counted"]
    assert "**MACs unknown**" in text
    assert "**parameters only: nothing was run**" in text
    assert "| `steps`       | scalar   | int64   |       8 |" in text
    assert "1 MAC is" not in text


def test_a_model_without_layers_still_has_its_facts(analysis_of):
    text = plain(report.render(analysis_of(())))
    assert "**0 parameters** · **0 MACs** · **0 B** of parameters" in text
    assert headings(text) == ["Totals", "How this was counted"]


def test_a_model_of_one_layer_is_itself_the_layer(analysis_of):
    text = plain(report.render(analysis_of((Layer("", "Linear", "net.py", 3, 1, params=6, macs=6),))))
    assert "| the model itself |            6 |   100 % | Linear | `net.py:3` |" in text
    assert "<summary>All 1 layer</summary>" in text


@pytest.mark.parametrize("name", ["a|b", "a`b", "<b>x</b>", "层.卷积", "*star*"])
def test_odd_names_stay_names(name, analysis_of):
    layers = (Layer(name, name, name, 1, 1, params=5, macs=5),)
    odd = replace(
        analysis_of(layers),
        model=Model(name, name, name, name, 1, assumptions=(f"{name} was assumed",)),
        uncounted=(Uncounted(name, 1, (name,), name),),
        never_run=(NeverRun(name, 5),),
        tensors=(StoredTensor(name, (1,), name, 4),),
    )
    html = MarkdownIt("commonmark").enable("table").render(report.render(odd))
    assert "<b>" not in html
    assert "<em>star" not in html
    assert len({row.count("<td") for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL)} - {0}) <= 7


def test_a_report_of_3000_layers_can_be_shown_on_github(analysis_of):
    layers = tuple(
        Layer(
            path=f"model.layers.{index // 10}.mlp.experts.{index % 10}.gate_proj",
            kind="Linear",
            file="transformers/models/mixtral/modeling_mixtral.py",
            line=100,
            calls=1,
            input_shapes=((1, 128, 4096),),
            output_shapes=((1, 128, 14336),),
            params=4096 * 14336,
            macs=128 * 4096 * 14336,
        )
        for index in range(3000)
    )
    text = report.render(analysis_of(layers))
    assert len(text.encode()) < 500_000
    assert "\n\n1,000 more layers in the JSON report.\n\n</details>" in text


def test_assumptions_are_sentences(analysis):
    given = replace(analysis, model=replace(analysis.model, assumptions=("input was guessed", "It is `x`.")))
    text = report.render(given)
    assert "- Input was guessed.\n- It is `x`.\n" in text


def test_several_models_are_compared_with_the_first(analysis, checkpoint):
    other = replace(analysis, model=Model("half", "half.py", "Net"), total=replace(analysis.total, macs=37_888 // 2))
    text = plain(report.render_comparison([analysis, other, checkpoint], ["net.md", "half.md", "weights.md"]))
    assert "| [`net`](<net.md>)         |      10.71 k |   1.00× | 37.89 k |   1.00× |" in text
    assert "| [`half`](<half.md>)       |      10.71 k |   1.00× | 18.94 k |   0.50× |" in text
    assert "| [`weights`](<weights.md>) |          592 |   0.06× | unknown | unknown |" in text
    assert "- `net`: 1×3×8×8 float32" in text


def test_without_links_the_names_stand_alone(analysis):
    assert "| `net`   |" in report.render_comparison([analysis, analysis])


def test_what_is_missing_beside_the_count_is_a_section_of_its_own(analysis):
    missing = (Absence("receptive fields", "stem.conv", "unexpected KeyError: -1"), Absence("advice", "", "no facts"))
    text = report.render(replace(analysis, absences=missing))
    assert "## Left out" not in report.render(analysis)
    assert (
        "## Left out\n\nThe count does not depend on these.\n\n"
        "- receptive fields at stem.conv: unexpected KeyError: -1\n- advice: no facts\n"
    ) in text
