import pytest

from analyzer.formats.wording.rule_words import explanation
from analyzer.rules import EXACT, FACTS, RESTRUCTURINGS, RULES, matching, rule_for, selected, slug
from analyzer.rules.rule import ModelProposer, Observer, Proposer
from analyzer.values.errors import Problem

HEADINGS = (
    "## What it flags",
    "## Why",
    "## Example",
    "## What it proposes",
    "## What it costs",
    "## When it stays silent",
    "## Sources",
)

CODES = {
    "GRP101": "grouped-convolution",
    "SEP101": "depthwise-separable",
    "DIL101": "dilated-kernel",
    "DIL102": "dilate-instead-of-downsample",
    "LOW101": "factorized-kernel",
    "LOW102": "low-rank-matrix",
    "BNM301": "bias-before-batchnorm",
    "BNM302": "foldable-batchnorm",
    "PTW301": "collapsible-pointwise",
    "RUN301": "removable-module",
    "PAR301": "parallel-branches",
    "WGT301": "recomputed-weight",
    "PAD301": "padding-only-taps",
    "GRP201": "isolated-groups",
    "DIL201": "gridding",
    "DIL202": "strided-dilation",
    "PTW201": "strided-pointwise",
    "MEM201": "memory-bound-layer",
    "CHN201": "channel-misalignment",
    "HED201": "heavy-head",
    "SIB301": "sibling-convolutions",
    "RUN201": "never-run",
}


def test_codes_and_names_stay_as_they_are():
    assert {rule.CODE: slug(rule) for rule in RULES}.items() >= CODES.items()


def test_a_proposer_is_no_observer():
    kinds = [(isinstance(rule, Proposer), isinstance(rule, ModelProposer)) for rule in RESTRUCTURINGS + EXACT]
    assert all(sum(kind) == 1 for kind in kinds)
    assert not any(isinstance(rule, Observer) for rule in RESTRUCTURINGS + EXACT)
    assert all(isinstance(rule, Observer) and not isinstance(rule, Proposer) for rule in FACTS)


@pytest.mark.parametrize("rule", RULES, ids=map(slug, RULES))
def test_levels_and_efforts_are_those_of_the_contract(rule):
    assert rule.LEVEL in ("note", "warning")
    assert (rule.EFFORT == "retrain") is (rule in RESTRUCTURINGS)
    assert rule.EFFORT in ("retrain", "none")


@pytest.mark.parametrize("rule", RULES, ids=map(slug, RULES))
def test_the_documentation_has_every_heading_in_order_with_text_below(rule):
    text = explanation(rule.CODE)
    assert text.startswith(f"# {rule.CODE} {slug(rule)} ({rule.LEVEL}, ")
    assert tuple(line for line in text.splitlines() if line.startswith("## ")) == HEADINGS
    sections = [part.split("\n", 1)[1].strip() for part in text.split("## ")[1:]]
    assert all(sections)
    assert text.count("```python") == 1


@pytest.mark.parametrize("name", ["SEP101", "sep101", "depthwise-separable", " Depthwise-Separable "])
def test_a_rule_is_found_by_code_and_by_name(name):
    assert rule_for(name).CODE == "SEP101"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("SEP102", "SEP101"),
        ("depthwise-seperable", "depthwise-separable"),
        ("GRP", "GRP101"),
        ("", "the codes are"),
        ("xyz", "the codes are GRP101, SEP101"),
    ],
)
def test_an_unknown_rule_names_the_nearest(name, hint):
    with pytest.raises(Problem, match=hint):
        rule_for(name)


ALL_CODES = {rule.CODE for rule in RULES}
SELECTIONS = {
    "all but those on request": ((), (), ALL_CODES - {"DIL102"}),
    "ALL": (("ALL",), (), ALL_CODES - {"DIL102"}),
    "on request by code": (("DIL102",), (), {"DIL102"}),
    "on request by name": (("dilate-instead-of-downsample",), (), {"DIL102"}),
    "a code": (("SEP101",), (), {"SEP101"}),
    "a prefix": (("grp",), (), {"GRP101", "GRP201"}),
    "a longer prefix": (("DIL2",), (), {"DIL201", "DIL202"}),
    "a name": (("gridding", "SEP"), (), {"DIL201", "SEP101"}),
    "ignored": ((), ("BNM", "RUN201"), ALL_CODES - {"BNM301", "BNM302", "DIL102", "RUN201"}),
    "ignored from a selection": (("GRP",), ("isolated-groups",), {"GRP101"}),
    "everything ignored": (("GRP",), ("ALL",), set()),
}


@pytest.mark.parametrize(("select", "ignore", "codes"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_selection_by_code_prefix_and_name(select, ignore, codes):
    assert {rule.CODE for rule in selected(select, ignore)} == codes


def test_a_selection_keeps_the_order_of_rules():
    assert [rule.CODE for rule in selected(("SEP", "GRP"))] == ["GRP101", "SEP101", "GRP201"]


@pytest.mark.parametrize("name", ["XYZ", "", "SEP101x", "1"])
def test_a_selection_of_nothing_is_refused(name):
    with pytest.raises(Problem, match="there is no rule"):
        matching(name)
    with pytest.raises(Problem):
        selected((name,))
    with pytest.raises(Problem):
        selected((), (name,))
