"""The fewest and least risky changes that are enough."""

from dataclasses import replace

import pytest

from analyzer.config.tables import Budget, Bytes, CountLimit
from analyzer.formats.wording.verdict import remedy_text
from analyzer.gating.remedy import cheapest, remedy
from analyzer.values.gate_results import BudgetLine
from analyzer.values.results import Analysis


def line(excess: int, metric: str = "params", status: str = "fail", match: str = "*") -> BudgetLine:
    return BudgetLine("b", metric, 1000 + excess, 1000, 900, status, match=match)


def remedied(net: Analysis, over: BudgetLine) -> BudgetLine:
    return replace(over, remedy=remedy(net, over, Budget()))


def paths(found) -> tuple[str, ...] | None:
    return None if found is None else tuple(f"{item.path}:{item.effort}" for item in found)


@pytest.fixture
def net(analysis, advice) -> Analysis:
    return analysis(
        advice=(
            advice("big", 100, 10),
            advice("big", 60, 500, "finetune"),
            advice("mid", 50, 50, "finetune"),
            advice("small", 5, 0, "none"),
            advice("tiny", 3, 0, "none"),
            advice("worse", -5, 900),
            advice("fact", 1000, 0, "none", proposed=None),
            advice("unpriced", saved=None),
        ),
        params=1000,
        param_bytes=4000,
    )


@pytest.mark.parametrize(
    ("excess", "expected"),
    [
        (1, ("small:none",)),
        (5, ("small:none",)),
        (6, ("small:none", "tiny:none")),
        (8, ("small:none", "tiny:none")),
        (9, ("big:finetune",)),
        (60, ("big:finetune",)),
        (61, ("big:finetune", "mid:finetune")),
        (119, ("big:retrain", "mid:finetune")),
        (158, ("big:retrain", "mid:finetune", "small:none", "tiny:none")),
        (159, None),
        (0, ()),
        (-5, ()),
    ],
)
def test_parameters(net: Analysis, excess: int, expected: tuple[str, ...] | None) -> None:
    assert paths(cheapest(net, line(excess), Budget())) == expected


@pytest.mark.parametrize(
    ("metric", "excess", "expected"),
    [
        ("macs", 500, ("big:finetune",)),
        ("macs", 551, ("worse:retrain",)),
        ("size", 20, ("small:none",)),  # four bytes for each of five parameters
        ("size", 21, ("small:none", "tiny:none")),
        ("peak-memory", 1, None),
    ],
)
def test_other_metrics(net: Analysis, metric: str, excess: int, expected: tuple[str, ...] | None) -> None:
    assert paths(cheapest(net, line(excess, metric), Budget())) == expected


def test_size_in_the_budgets_dtype(net: Analysis) -> None:
    assert paths(cheapest(net, line(10, "size"), Budget(size=Bytes(1000), dtype="float16"))) == ("small:none",)
    assert paths(cheapest(net, line(11, "size"), Budget(size=Bytes(1000), dtype="float16"))) == (
        "small:none",
        "tiny:none",
    )


def test_only_layers_under_the_limit_count(net: Analysis) -> None:
    assert paths(cheapest(net, line(1, match="mid"), Budget())) == ("mid:finetune",)
    assert cheapest(net, line(51, match="mid"), Budget()) is None
    assert paths(cheapest(net, line(1), Budget(params=CountLimit(1000), ignore=("small",)))) == ("tiny:none",)


def test_nothing_known_has_no_remedy(net: Analysis) -> None:
    assert cheapest(net, BudgetLine("b", "macs", None, 5, None, "unknown"), Budget()) is None
    assert cheapest(net, BudgetLine("b", "macs", 5, None, None, "off"), Budget()) is None


def test_as_a_sentence(analysis, advice) -> None:
    net = analysis(advice=(advice("stem", 70, file="net.py", line=8), advice("", 50, effort="none")))
    assert remedy_text(remedied(net, line(60))) == (
        "SEP101 depthwise-separable at stem (net.py:8), needs retraining; saves 70 parameters"
    )
    assert (
        remedy_text(remedied(net, line(50)))
        == "SEP101 depthwise-separable at the model, output unchanged; saves 50 parameters"
    )
    assert (
        remedy_text(remedied(net, line(121)))
        == "no piece of advice, nor all of them together, brings it under the limit"
    )
    assert remedy_text(remedied(net, line(-5, status="pass"))) == ""


def test_a_long_remedy_is_cut(analysis, advice) -> None:
    net = analysis(advice=tuple(advice(f"layer{index}", 10) for index in range(5)))
    assert remedy_text(remedied(net, line(50))).endswith("needs retraining, 2 more; saves 50 parameters")


@pytest.mark.parametrize("rule", ["BNM302", "PAR301", "RUN301", "WGT301"])
def test_a_change_for_inference_only_is_no_remedy_for_code_that_is_trained(rule, analysis, advice) -> None:
    """Folding batch norm, merging branches, taking off auxiliary heads, storing weights that training computes."""
    folds = advice("norm", 100, effort="none", rule=rule, inference_only=True)
    net = analysis(advice=(folds, advice("bias", 5, rule="BNF301")))
    assert paths(cheapest(net, line(5), Budget())) == ("bias:retrain",)
    assert cheapest(net, line(6), Budget()) is None
