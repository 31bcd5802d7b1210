"""A trained network is fitted to budgets: integers met, accuracy kept, harm predicted, the original untouched."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

import analyzer
from analyzer import Problem


def test_half_the_macs_cost_less_than_a_point_without_training(digits: Any, digits_model: nn.Module, half: Any) -> None:
    before, after = digits.accuracy(digits_model), digits.accuracy(half.model)
    assert before > 0.97
    assert after > before - 0.01


def test_a_new_trace_counts_what_was_promised(digits: Any, half: Any) -> None:
    (budget,) = half.result.budgets
    assert budget.before == 8 * 8 * 9 * (16 + 16 * 32) + 4 * 4 * 9 * (32 * 32 + 32 * 64) + 64 * 10
    assert budget.limit == budget.before // 2
    assert budget.promised == budget.traced <= budget.limit
    assert analyzer.analyze(half.model, digits.images[:1]).total.macs == budget.traced
    assert budget.before - sum(layer.saved_macs for layer in half.choices) == budget.traced


def test_the_harm_is_measured_on_inputs_that_no_weight_saw(half: Any) -> None:
    result = half.result
    assert (result.samples, result.held_out) == (384, 128)
    assert result.measure == "KL divergence"
    assert result.agreement is not None
    assert result.agreement > 0.98
    assert 0 < result.measured_harm < 0.05
    assert result.gap < 1e-3
    assert not result.is_guess


def test_the_original_is_left_as_it_was(digits: Any, digits_model: nn.Module) -> None:
    model = copy.deepcopy(digits_model).train()
    calls: list[int] = []
    handle = model[0].register_forward_hook(lambda *_: calls.append(1))
    before = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    with pytest.raises(Problem):
        analyzer.fit(model, digits.images[:64], macs=1)
    plan = analyzer.fit(model, digits.images[:64], macs=0.9)
    handle.remove()
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())
    assert not model[0]._forward_hooks
    shared = {p.data_ptr() for p in model.state_dict().values()}
    assert not any(value.data_ptr() in shared for value in plan.model.state_dict().values())
    assert not plan.model.training


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda model: torch.compile(nn.DataParallel(model))])
def test_wrappers_are_looked_through(digits: Any, digits_model: nn.Module, wrap: Any) -> None:
    plan = analyzer.fit(wrap(digits_model), digits.images[:64], macs=0.7)
    assert type(plan.model) is type(digits_model)
    assert plan.choices
    assert all(type(digits_model.get_submodule(layer.path)) in (nn.Conv2d, nn.Linear) for layer in plan.choices)


READ_IN_PART = "of each layer at most 16,384 output positions were read, spread over all inputs"
"""512 inputs of 8 by 8 positions are 32,768."""


def test_few_held_out_inputs_are_told(digits: Any, digits_model: nn.Module, half: Any) -> None:
    few = analyzer.fit(digits_model, digits.images[:64], macs=0.7).result
    said = "harm and agreement are rough, as only 16 inputs could be held out; give 128 or more"
    assert said in few.assumptions
    assert half.result.held_out == 128
    assert half.result.assumptions == (READ_IN_PART,)
