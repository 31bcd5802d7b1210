"""A training step in words, and every cause that the count can name has some."""

import ast
from dataclasses import replace
from inspect import getsource

import pytest

from analyzer.formats.markdown import report
from analyzer.formats.terminal import summary
from analyzer.formats.wording import training_words
from analyzer.formulas import training_costs
from analyzer.values.counts import Uncounted
from analyzer.values.training_work import TrainingCause, TrainingLayer, TrainingWork

WORK = TrainingWork(
    layers=(TrainingLayer("stem.conv", 100, 0, 100), TrainingLayer("head", 10, 10, 10, 5)),
    params=20,
    samples=2,
    samples_are="samples",
    causes=(
        TrainingCause("recomputation", 10),
        TrainingCause("convolutions", 420),
        TrainingCause("inputs without gradient", -200),
    ),
    assumptions=("the step runs in training mode",),
)


def test_the_parts_of_a_step_and_the_rule() -> None:
    assert WORK.flops == 2 * (110 + 10 + 110 + 5)
    assert WORK.rule == 6 * 20 * 2
    assert training_words.summary(WORK) == (
        "training step: 470 FLOPs (forward 110, gradients of inputs 10, gradients of weights 110, "
        "recomputed in the backward 5 MACs); "
        "6·N·D says 240 FLOPs (N = 20 parameters, D = 2 samples); the step takes 1.96× of that"
    )


def test_causes_stand_with_the_largest_first() -> None:
    assert [flops for _, flops in training_words.causes(WORK)] == ["+420", "-200", "+10"]
    assert next(training_words.causes(WORK))[0].endswith("at every position, not once a sample")


def test_what_is_not_counted_makes_it_at_least() -> None:
    partial = replace(WORK, uncounted=(Uncounted("mylib.op_backward", 1, ("head",), ""),))
    assert training_words.summary(partial).startswith("training step: at least 470 FLOPs")


def test_every_cause_of_the_count_has_words() -> None:
    """Its name is a string in the module that counts."""
    strings = {node.value for node in ast.walk(ast.parse(getsource(training_costs))) if isinstance(node, ast.Constant)}
    assert training_words.CAUSES.keys() <= strings


def test_both_text_reports_show_it(analysis) -> None:
    trained = replace(analysis, training=WORK)
    assert "training step: 470 FLOPs" in summary.render([trained]).replace("\n", " ")
    text = report.render(trained)
    for said in ("## A training step", "**470 FLOPs for a step**", "| together", "+230", "`stem.conv`"):
        assert said in text
    assert "training" not in report.render(analysis).lower().replace("retraining", "").replace("once training", "")


@pytest.mark.parametrize("part", ["forward", "recomputed"])
def test_a_part_that_takes_nothing_is_left_out(part: str) -> None:
    name = training_words.PARTS[part]
    rows = tuple(replace(row, **{part: 0}) for row in WORK.layers)
    assert name not in dict(training_words.parts(replace(WORK, layers=rows)))
