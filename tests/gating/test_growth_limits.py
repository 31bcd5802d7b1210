"""Limits on how MACs grow fail when linear work becomes quadratic, name the layer, and pass when growth falls."""

from dataclasses import replace
from datetime import date

import pytest
import torch
from torch import nn

from analyzer import Analysis, analyze
from analyzer.config.tables import Budget
from analyzer.gating.budget import judge, verdict
from analyzer.values.counts import Uncounted
from analyzer.values.errors import Problem
from analyzer.values.gate_results import BudgetLine

TODAY = date(2030, 6, 1)


class Mixing(nn.Module):
    """Tokens are mixed by a recurrence-free linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layer(tokens)
        return found


class Attention(Mixing):
    """Every token attends to every other."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return (tokens @ tokens.transpose(1, 2)) @ super().forward(tokens)


class Spectrum(Mixing):
    """A loop over the sequence."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.layer(token) for token in tokens.unbind(1)], 1)


def analysis(mixer: type[nn.Module]) -> Analysis:
    model = nn.Sequential(nn.Linear(4, 4), mixer(), nn.Linear(4, 2))
    return analyze(model.eval(), torch.zeros(1, 8, 4), symbolic=True)


def lines(mixer: type[nn.Module], budget: Budget, base: type[nn.Module] | None = None) -> list[BudgetLine]:
    return list(judge(analysis(mixer), [budget], base and analysis(base), today=TODAY))


LINEAR = Budget(name="growth", max_degree={"sequence": 1})
AS_BEFORE = Budget(name="growth", max_degree="base")


def test_attention_in_place_of_linear_mixing_fails_with_the_layer() -> None:
    (line,) = lines(Attention, LINEAR)
    assert (line.metric, line.dimension, line.value, line.limit, line.status) == ("degree", "sequence", 2, 1, "fail")
    assert (line.name, line.layers) == ("growth", ("1",))
    assert verdict([line]) == "fail"


def test_linear_work_is_within_the_limit() -> None:
    assert [(line.value, line.status, line.layers) for line in lines(Mixing, LINEAR)] == [(1, "pass", ())]
    assert verdict(lines(Attention, Budget(max_degree={"sequence": 2, "batch": 1}))) == "pass"


def test_what_was_so_before_drifts() -> None:
    assert [line.status for line in lines(Attention, LINEAR, base=Attention)] == ["drift"]


def test_no_higher_power_than_at_the_base() -> None:
    risen = {line.dimension: line for line in lines(Attention, AS_BEFORE, base=Mixing)}
    assert {name: line.status for name, line in risen.items()} == {"batch": "pass", "sequence": "fail"}
    assert (risen["sequence"].base, risen["sequence"].limit, risen["sequence"].layers) == (1, 1, ("1",))
    assert verdict(lines(Mixing, AS_BEFORE, base=Attention)) == "pass"
    assert verdict(lines(Attention, AS_BEFORE, base=Attention)) == "pass"


def test_without_a_base_it_is_not_judged() -> None:
    assert {line.status for line in lines(Attention, AS_BEFORE)} == {"off"}


def test_a_part_of_the_model() -> None:
    assert verdict(lines(Attention, Budget(match="2", max_degree={"sequence": 1}))) == "pass"
    assert verdict(lines(Attention, Budget(ignore=("1",), max_degree={"sequence": 1}))) == "pass"
    assert verdict(lines(Attention, Budget(match="1", max_degree={"sequence": 1}))) == "fail"


def test_switched_off_and_warned_of() -> None:
    (line,) = lines(Attention, Budget(level="off", max_degree={"sequence": 1}))
    assert (line.status, line.value) == ("off", None)
    assert verdict(lines(Attention, Budget(level="warn", max_degree={"sequence": 1}))) == "pass"


@pytest.mark.parametrize(
    ("mixer", "budget", "base", "said"),
    [
        (
            Spectrum,
            LINEAR,
            None,
            "with sequence cannot be judged: the model fixes it at 8, for at sequence=",
        ),
        (Spectrum, AS_BEFORE, Mixing, "with sequence cannot be judged: the model fixes it at 8"),
        (
            Mixing,
            AS_BEFORE,
            Spectrum,
            "with sequence at the base cannot be judged: the model fixes it at 8",
        ),
        (
            Mixing,
            Budget(name="growth", max_degree={"depth": 1}),
            None,
            "no input has a size of that name",
        ),
    ],
)
def test_what_is_not_known_is_no_pass(
    mixer: type[nn.Module], budget: Budget, base: type[nn.Module] | None, said: str
) -> None:
    with pytest.raises(Problem, match=said) as caught:
        lines(mixer, budget, base)
    assert str(caught.value).startswith("budget 'growth': ")


def test_an_incomplete_count_and_a_report_without_formulas_are_no_pass() -> None:
    found = analysis(Mixing)
    opaque = replace(found, complete=False, uncounted=(Uncounted("mine::op", 1, ("1",), "it is opaque"),))
    with pytest.raises(Problem, match="how MACs grow with sequence cannot be judged: no count of mine::op"):
        list(judge(opaque, [LINEAR], today=TODAY))
    with pytest.raises(Problem, match="at the base cannot be judged: there are no formulas"):
        list(judge(found, [AS_BEFORE], replace(found, scaling=None), today=TODAY))
