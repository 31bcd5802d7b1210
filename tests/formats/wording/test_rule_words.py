"""Every kind of note has its template, which uses just the values that the rules put into it."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from analyzer.formats.wording.rule_words import TEMPLATES, choice_words, words
from analyzer.values.notes import RuleChoice, note

PACKAGE = Path(__file__).parents[3] / "analyzer"


def written() -> Iterator[tuple[str, frozenset[str]]]:
    """Kind and names of the values of every note that the package makes; of a choice between two kinds both."""
    for path in sorted(PACKAGE.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        if not any(isinstance(node, ast.ImportFrom) and node.module == note.__module__ for node in nodes):
            continue
        for call in nodes:
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "note" and call.args:
                kind, names = call.args[0], frozenset(str(keyword.arg) for keyword in call.keywords)
                kinds = [kind.body, kind.orelse] if isinstance(kind, ast.IfExp) else [kind]
                yield from ((ast.literal_eval(one), names) for one in kinds)


def used(kind: str) -> frozenset[str]:
    template = TEMPLATES[kind]
    if isinstance(template, str):
        return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)
    return frozenset(inspect.signature(template).parameters)


def test_there_is_a_template_for_every_kind_and_no_other() -> None:
    assert {kind for kind, _ in written()} == set(TEMPLATES)


def test_templates_use_just_the_values_that_are_given() -> None:
    assert [(kind, names) for kind, names in written() if used(kind) != names] == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (note("inputs-skipped", read=0.25), "reads 25.0 % of its inputs: stride and dilation skip the rest"),
        (note("never-called", params=1), "never called: 1 parameter that this forward does not use"),
        (note("never-called", params=2048), "never called: 2,048 parameters that this forward does not use"),
        (note("path", layers=("a", "b.c")), "path: a → b.c"),
        (note("linear-maps", second="b"), "nothing lies between it and b: linear maps in a row are one"),
        (
            note("linear-maps-with-norm", norm="n", second="b"),
            "only n lies between it and b: linear maps in a row are one",
        ),
        (
            note("resolution-kept", factor=2, lost="down", given_back=""),
            "resolution lost by 2 at down and given back at the model itself is kept; so is the receptive field of the "
            "layers between",
        ),
        (
            note("heavy-linear", features=(25088, 4096), params=9000, of=10000, share_of_params=0.9, share_of_macs=0.5),
            "nn.Linear(25088, 4096) holds 9,000 of 10,000 parameters (90.0 %) and does 50.0 % of the MACs",
        ),
        (note("separable", first="depthwise", terms=1), "depthwise first with 1 term"),
    ],
)
def test_values_are_put_in_as_people_read_them(said, expected) -> None:
    assert words(said) == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (RuleChoice("{}-groups", (4,)), "4 groups"),
        (RuleChoice("spatial-rank-{}", (48,)), "spatial, rank 48"),
        (RuleChoice("channel-ranks-{}-and-{}", (32, 16)), "channel, ranks 32 and 16"),
        (RuleChoice("with-normalization-and-activation"), "with normalization and activation"),
    ],
)
def test_a_choice_is_its_name_in_words(choice: RuleChoice, expected: str) -> None:
    assert choice_words(choice) == expected
