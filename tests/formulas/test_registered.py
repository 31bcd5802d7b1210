"""Formulas of users: what they are told, what they may return, and for how long they hold."""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import pytest
import torch
from torch import nn

import analyzer
from analyzer import Cost, Problem
from analyzer.analysis import study
from analyzer.formulas.registered import BY_HAND, configured, forget_all_but
from analyzer.loading import from_module
from analyzer.values.counts import UsedFormula
from analyzer.values.results import Analysis


@torch.library.custom_op("analyzer_tests::scaled_product", mutates_args=())
def scaled_product(x: torch.Tensor, w: list[torch.Tensor], scale: float = 2.0) -> torch.Tensor:
    """(n, k) @ (k, m), for each of the second factors."""
    return sum(x @ factor * scale for factor in w)


@torch.library.custom_op("analyzer_tests::halves", mutates_args=())
def halves(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[:, :3].clone(), x[:, 3:].clone()


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Parameter(torch.randn(6, 4)), nn.Parameter(torch.randn(6, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return scaled_product(x, [self.first, self.second]) * halves(x)[0].sum()


NAME = "analyzer_tests::scaled_product"
MACS = 2 * 5 * 6 * 4


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    before = dict(BY_HAND)
    analyzer.formula("analyzer_tests::halves", lambda: 0)
    yield
    forget_all_but(before)


def analysed() -> Analysis:
    return analyzer.analyze(Scaled(), torch.randn(5, 6))


def product(x: tuple[int, ...], w: tuple[tuple[int, ...], ...], out: tuple[int, ...]) -> int:
    return len(w) * prod(out) * x[-1]


def test_without_one_the_operator_is_named() -> None:
    analysis = analysed()
    assert (analysis.total.macs, analysis.complete) == (0, False)
    assert [row.operator for row in analysis.uncounted] == ["analyzer_tests.scaled_product"]
    assert [used.operator for used in analysis.formulas] == ["analyzer_tests.halves"]


def test_as_a_call() -> None:
    assert analyzer.formula(NAME, product) is product
    analysis = analysed()
    assert (analysis.total.macs, analysis.complete, analysis.tracing.mode) == (MACS, True, "real")
    assert sum(layer.macs or 0 for layer in analysis.layers) == MACS
    source = f"{__name__}:product"
    assert analysis.formulas[1] == UsedFormula("analyzer_tests.scaled_product", source, 1)
    assert (
        f"analyzer_tests.scaled_product is counted by a formula of the user's, {source}" in analysis.model.assumptions
    )
    assert Analysis.from_json(analysis.to_json()) == analysis


def test_as_a_decorator_with_another_spelling() -> None:
    @analyzer.formula("analyzer_tests.scaled_product")
    def cost(**shapes: Any) -> Cost:
        assert shapes == {"x": (5, 6), "w": ((6, 4), (6, 4)), "scale": 2.0, "out": (5, 4)}
        return Cost(macs=7, other_flops=3)

    total = analysed().total
    assert total.macs == 7


def test_of_several_results() -> None:
    analyzer.formula(NAME, product)
    analyzer.formula("analyzer_tests::halves", lambda out: len(out) * prod(out[0]))
    assert analysed().total.macs == MACS + 2 * 5 * 3


def test_a_later_one_takes_the_place_of_an_earlier() -> None:
    analyzer.formula(NAME, lambda: 1)
    analyzer.formula(NAME, lambda: 2)
    assert analysed().total.macs == 2


def test_none_says_that_shapes_do_not_tell() -> None:
    analyzer.formula(NAME, lambda: None)
    assert not analysed().complete


WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "raises": (lambda x: x[7], r"raised IndexError.*shapes of .*x.*out"),
    "unknown name": (lambda y: 1, r"raised TypeError.*'y'"),
    "float": (lambda: 1.5, r"returned 1.5; it must return multiply-accumulates, an integer, or a Cost"),
    "negative": (lambda: -1, r"returned -1"),
    "bool": (lambda: True, r"returned True"),
}


@pytest.mark.parametrize(("function", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_one_is_a_problem(function: Callable[..., Any], said: str) -> None:
    analyzer.formula(NAME, function)
    with pytest.raises(Problem, match=rf"the formula for analyzer_tests.scaled_product \(.*\) {said}"):
        analysed()


@pytest.mark.parametrize(
    ("operator", "said"),
    [
        ("aten::mm", "the analyzer has its own formula for aten.mm"),
        ("mylib", "'mylib' is not the name of an operator"),
        ("mylib::op.default", "not the name of an operator"),
    ],
)
def test_what_cannot_be_registered(operator: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        analyzer.formula(operator, lambda: 1)


def test_nothing_to_call() -> None:
    with pytest.raises(Problem, match="cannot be called"):
        analyzer.formula("mylib::op", 3)


def test_a_configured_one_holds_for_its_analysis_alone() -> None:
    loaded = from_module(Scaled(), (torch.randn(5, 6),), {})
    with configured({NAME: product}):
        assert study(loaded).analysis.total.macs == MACS
    assert study(loaded).analysis.total.macs == 0
