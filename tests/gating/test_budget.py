"""The verdict at its boundaries, and what must hold for any numbers."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.config.tables import Amount, Budget, Bytes, CountLimit, Increase, Override, Percent
from analyzer.gating.budget import Standing, absolute, judge, measured, relative, verdict
from analyzer.values.counts import Uncounted
from analyzer.values.errors import Problem
from analyzer.values.gate_results import BudgetLine, Growth, OverrideTerms
from analyzer.values.results import Analysis

TODAY = date(2030, 6, 1)
ORDER = ("pass", "drift", "fail")
NUMBERS = st.integers(0, 10**13)


def statuses(lines: tuple[BudgetLine, ...]) -> list[str]:
    return [line.status for line in lines]


@pytest.mark.parametrize(
    ("value", "base", "expected"),
    [
        (99, None, "pass"),
        (100, None, "pass"),
        (101, None, "fail"),
        (100, 100, "pass"),
        (101, 100, "fail"),
        (101, 0, "fail"),
        (101, 101, "drift"),
        (101, 102, "drift"),
        (102, 101, "fail"),
        (100, 500, "pass"),
        (0, 0, "pass"),
        (None, 50, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_a_limit_of_100(value: int | None, base: int | None, expected: str) -> None:
    assert absolute("params", Standing(value, base, compared=base is not None), 100).status == expected


@pytest.mark.parametrize(
    ("value", "base", "limit", "expected"),
    [
        (1020, 1000, 1020, "pass"),  # 2 % exactly
        (1021, 1000, 1020, "fail"),
        (1000, 1000, 1020, "pass"),
        (1, 1000, 1020, "pass"),
        (1030, 1010, 1030, "pass"),  # 2 % of 1010 is 20.2: 20 more are within it
        (1031, 1010, 1030, "fail"),
        (110, 100, 110, "pass"),  # 10 % more, but not more than the least amount
        (111, 100, 110, "fail"),
        (10, 0, 10, "pass"),
        (11, 0, 10, "fail"),
    ],
)
def test_growth_by_2_percent_and_at_least_10(value: int, base: int, limit: int, expected: str) -> None:
    line = relative("params", Standing(value, base, compared=True), Fraction(2, 100), 10)
    assert (line.limit, line.status) == (limit, expected)


def test_growth_is_not_judged_without_a_base() -> None:
    line = relative("params", Standing(5), Fraction(2, 100), 10)
    assert (line.limit, line.status) == (None, "off")
    assert line.growth == Growth(1, 50, 10)


def test_growth_over_a_base_that_was_not_counted_is_unknown() -> None:
    assert relative("macs", Standing(5, None, compared=True), Fraction(1, 2), 0).status == "unknown"
    assert relative("macs", Standing(None, 5, compared=True), Fraction(1, 2), 0).status == "unknown"


@given(NUMBERS, NUMBERS, NUMBERS, st.none() | NUMBERS)
def test_more_is_never_judged_better(value: int, more: int, limit: int, base: int | None) -> None:
    less, greater = (absolute("params", Standing(number, base), limit).status for number in (value, value + more))
    assert ORDER.index(less) <= ORDER.index(greater)


@given(NUMBERS, NUMBERS, NUMBERS, st.fractions(0, 3), NUMBERS)
def test_growth_is_judged_the_same_way(value: int, more: int, base: int, share: Fraction, least: int) -> None:
    less, greater = (
        relative("params", Standing(number, base, compared=True), share, least).status
        for number in (value, value + more)
    )
    assert ORDER.index(less) <= ORDER.index(greater)


@given(NUMBERS, NUMBERS, st.fractions(0, 3), NUMBERS)
def test_growth_fails_exactly_when_share_and_amount_are_exceeded(
    value: int, base: int, share: Fraction, least: int
) -> None:
    line = relative("params", Standing(value, base, compared=True), share, least)
    assert (line.status == "fail") == (value - base > share * base and value - base > least)


@given(NUMBERS, NUMBERS)
def test_without_a_base_a_limit_is_absolute(value: int, limit: int) -> None:
    assert absolute("params", Standing(value), limit).status == ("pass" if value <= limit else "fail")


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_base_only_turns_failing_into_drifting(value: int, limit: int, base: int) -> None:
    alone, compared = absolute("macs", Standing(value), limit), absolute("macs", Standing(value, base), limit)
    assert compared.status == ("drift" if alone.status == "fail" and value <= base else alone.status)


@pytest.mark.parametrize(
    ("value", "base", "limit", "slack"),
    [
        (500_000, None, 1_000_000, 530_000),
        (500_000, 600_000, 1_000_000, 530_000),
        (500_000, 500_000, 1_000_000, None),  # nothing changed: nothing to say
        (500_000, 400_000, 1_000_000, None),
        (500_000, None, 530_000, None),  # as tight as it is first written
        (2_000_000, None, 1_000_000, None),
    ],
)
def test_a_limit_that_could_be_lowered(value: int, base: int | None, limit: int, slack: int | None) -> None:
    assert absolute("params", Standing(value, base), limit).slack == slack


@pytest.fixture
def net(analysis, layer) -> Analysis:
    layers = (
        layer("", 7),
        layer("backbone", 5, 0),
        layer("backbone.conv", 1000, 50_000),
        layer("backbone.aux", 100, 400),
        layer("head", 210, 200),
    )
    return analysis(*layers, trainable_params=222, peak_activation_bytes=4096)


@pytest.mark.parametrize(
    ("budget", "metric", "expected"),
    [
        (Budget(), "params", 7 + 5 + 1000 + 100 + 210),
        (Budget(), "trainable-params", 222),
        (Budget(), "macs", 50_000 + 400 + 200),
        (Budget(), "size", 4 * (7 + 5 + 1000 + 100 + 210)),
        (Budget(dtype="float16"), "size", 2 * (7 + 5 + 1000 + 100 + 210)),
        (Budget(dtype="int4", match="backbone.conv"), "size", 500),
        (Budget(dtype="int4", match="backbone", ignore=("*.conv", "*.aux")), "size", 3),  # 5 elements, 2.5 bytes
        (Budget(), "peak-memory", 4096),
        (Budget(match="backbone.*"), "params", 5 + 1000 + 100),
        (Budget(match="backbone.*", ignore=("*.aux",)), "params", 5 + 1000),
        (Budget(ignore=("head",)), "macs", 50_000 + 400),
    ],
)
def test_what_a_budget_measures(net: Analysis, budget: Budget, metric: str, expected: int) -> None:
    assert measured(net, budget, metric) == expected


def incomplete(net: Analysis, *layers: str) -> Analysis:
    return replace(net, complete=False, uncounted=(Uncounted("my::op", 1, layers, "no formula"),))


def test_macs_are_unknown_where_an_operator_has_no_count(net: Analysis) -> None:
    lacking = incomplete(net, "head")
    assert measured(lacking, Budget(), "macs") is None
    assert measured(lacking, Budget(match="head"), "macs") is None
    assert measured(lacking, Budget(match="backbone.*"), "macs") == 50_400
    assert measured(lacking, Budget(ignore=("head",)), "macs") == 50_400
    assert measured(lacking, Budget(), "params") == 1322


def test_macs_of_any_layer_are_unknown_where_the_missing_work_has_none(net: Analysis) -> None:
    lacking = incomplete(net)
    assert measured(lacking, Budget(), "macs") is None
    assert measured(lacking, Budget(match="backbone.*"), "macs") is None
    assert measured(lacking, Budget(), "params") == 1322


def test_macs_are_unknown_of_a_checkpoint_alone(net: Analysis) -> None:
    alone = replace(net, complete=False, total=replace(net.total, macs=None, peak_activation_bytes=None))
    assert measured(alone, Budget(match="head"), "macs") is None
    assert measured(alone, Budget(), "peak-memory") is None
    assert statuses(judge(alone, (Budget(macs=CountLimit(10**9)),), today=TODAY)) == ["unknown"]


def test_a_line_for_each_limit(net: Analysis) -> None:
    increase = Increase(params=Percent(1, 10), macs=Percent(1, 10))
    budget = Budget(
        name="mobile", params=CountLimit(1321), size=Bytes(10_000), max_increase=increase, level="warn", message="ask"
    )
    lines = judge(net, (budget,), net, today=TODAY)
    assert [(line.metric, line.value, line.limit, line.base, line.status) for line in lines] == [
        ("params", 1322, 1321, 1322, "drift"),
        ("size", 5288, 10_000, 5288, "pass"),
        ("params", 1322, 1322 + 132, 1322, "pass"),
        ("macs", 50_600, 50_600 + 5060, 50_600, "pass"),
    ]
    assert {(line.name, line.level, line.message, line.match) for line in lines} == {("mobile", "warn", "ask", "*")}


def test_a_part_that_the_base_lacks_is_new(net: Analysis, analysis, layer) -> None:
    budget = Budget(match="head", params=CountLimit(209), max_increase=Increase(params=Percent(1, 100)))
    before = analysis(layer("backbone.conv", 1000))
    assert statuses(judge(net, (budget,), before, today=TODAY)) == ["fail", "off"]


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (
            Budget(name="b", match="backbon.*", params=CountLimit(1)),
            "'backbon.*' matches no layer of net.py; nearest: backbone",
        ),
        (Budget(name="b", ignore=("tail",), params=CountLimit(1)), "'tail' matches no layer of net.py; nearest: "),
        (Budget(name="b", match="x", params=CountLimit(1), level="off"), "'x' matches no layer of net.py"),
    ],
)
def test_a_pattern_that_matches_nothing(net: Analysis, budget: Budget, said: str) -> None:
    with pytest.raises(Problem, match="budget 'b': ") as caught:
        judge(net, (budget,), today=TODAY)
    assert said in str(caught.value)


def test_switched_off(net: Analysis) -> None:
    lines = judge(net, (Budget(params=CountLimit(1), level="off"),), today=TODAY)
    assert statuses(lines) == ["off"]
    assert verdict(lines) is None


@pytest.mark.parametrize(
    ("until", "status", "limit", "usual"),
    [
        (date(2030, 6, 1), "pass", 2000, 1000),
        (date(2030, 5, 31), "fail", 1000, None),
        (None, "pass", 2000, 1000),
    ],
)
def test_an_override_holds_up_to_its_last_day(
    net: Analysis, until: date | None, status: str, limit: int, usual: int | None
) -> None:
    override = Override(limit=Amount(2000), reason="the new head", until=until)
    (line,) = judge(net, (Budget(params=CountLimit(1000), override=override),), today=TODAY)
    assert (line.status, line.limit) == (status, limit)
    assert (line.usual, line.override) == (
        usual,
        OverrideTerms({"params": 2000}, "the new head", until and until.isoformat()),
    )


def test_an_override_is_a_limit_too(net: Analysis) -> None:
    budget = Budget(params=CountLimit(1000), override=Override(params=CountLimit(1300), reason="r"))
    assert statuses(judge(net, (budget,), today=TODAY)) == ["fail"]


def test_an_override_covers_growth_up_to_its_limit(net: Analysis, analysis, layer) -> None:
    before = analysis(layer("", 1000))
    grown = Increase(params=Percent(1, 100))
    for limit, status in ((1322, "pass"), (1321, "fail"), (5, "fail")):
        override = Override(params=CountLimit(limit), reason="r")
        line = judge(net, (Budget(max_increase=grown, override=override),), before, today=TODAY)[0]
        assert (line.status, line.usual) == (status, 1010 if limit > 1010 else None)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), None),
        ((("off", "error"),), None),
        ((("pass", "error"),), "pass"),
        ((("pass", "error"), ("drift", "error")), "drift"),
        ((("drift", "error"), ("fail", "error")), "fail"),
        ((("fail", "warn"),), "pass"),
        ((("fail", "warn"), ("drift", "error")), "drift"),
        ((("fail", "warn"), ("fail", "error")), "fail"),
    ],
)
def test_the_verdict(lines: tuple[tuple[str, str], ...], expected: str | None) -> None:
    made = [BudgetLine("b", "params", 1, 1, None, status, level=level) for status, level in lines]
    assert verdict(made) == expected


def attention(kernel: int = 1) -> Analysis:
    """Scores of tokens, quadratic in the sequence, after a linear layer of 4 to 4 · kernel."""
    import torch
    from torch import nn

    from analyzer import analyze

    class Scores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4 * kernel)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            tokens = self.layer(tokens)
            return tokens @ tokens.transpose(1, 2)

    return analyze(Scores().eval(), torch.zeros(1, 8, 4), symbolic=True)


def test_a_budget_holds_at_the_sizes_that_it_names() -> None:
    found = attention()
    budget = Budget(at="batch=2,sequence=100", macs=CountLimit(2 * 100 * (16 + 400)), params=CountLimit(20))
    lines = judge(found, [budget, replace_limit(budget)], today=TODAY)
    assert statuses(lines) == ["pass", "pass", "pass", "fail"]
    assert [line.value for line in lines if line.metric == "macs"] == [2 * 100 * (16 + 400)] * 2
    assert lines[0].name == "budget at batch=2,sequence=100"


def replace_limit(budget: Budget) -> Budget:
    """The same with one MAC fewer."""
    assert budget.macs is not None
    return Budget(at=budget.at, macs=CountLimit(budget.macs - 1), params=budget.params)


def test_growth_is_compared_at_the_same_sizes() -> None:
    allowed = Increase(macs=Percent(Fraction(2, 100)))
    here, there = (judge(attention(2), [Budget(at=at, max_increase=allowed)], attention(), today=TODAY) for at in SIZES)
    assert [line.base for line in (*here, *there)] == [8 * (16 + 32), 50 * (16 + 200)]
    assert statuses((*here, *there)) == ["fail", "fail"]


SIZES = "sequence=8", "sequence=50"


def test_a_size_without_a_formula_names_the_budget() -> None:
    with pytest.raises(Problem, match="budget 'phone at height=3': height=3: no input has a size of that name"):
        judge(attention(), [Budget(name="phone", at="height=3", macs=CountLimit(1))], today=TODAY)
