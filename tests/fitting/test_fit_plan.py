"""A fitted model is of its own, as good as promised, and its layers are said."""

from typing import Any

import torch
from torch import nn

import analyzer
from analyzer.fitting.fit_plan import independent


@torch.no_grad()
def test_a_fitted_copy_shares_nothing_and_counts_its_batches_as_the_original() -> None:
    original = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, momentum=0.3))
    original(torch.randn(2, 3, 4, 4))
    changed = nn.Sequential(original[0], nn.BatchNorm2d(4, momentum=0.0))
    copied = independent(changed, original)
    assert not copied.training
    assert copied[0].weight.data_ptr() != original[0].weight.data_ptr()
    assert (copied[1].momentum, int(copied[1].num_batches_tracked)) == (0.3, 1)
    copied[1].num_batches_tracked.add_(1)
    assert int(original[1].num_batches_tracked) == 1


def test_what_was_promised_is_what_a_trace_counts(half: Any) -> None:
    (budget,) = half.result.budgets
    assert budget.promised == budget.traced <= budget.limit
    assert half.curve == half.result.curve


def test_every_change_is_said_with_what_it_saves(half: Any) -> None:
    assert len(half.swaps) == len(half.choices) == len(half.proposals)
    for swap, layer, proposal in zip(half.swaps, half.choices, half.proposals, strict=True):
        assert swap.proposal is proposal
        assert f"saves {layer.saved_params:,} parameters, {layer.saved_macs:,} MACs" in swap.comment


def test_trained_weights_are_not_called_random(half: Any) -> None:
    assert half.is_untrained is False
    assert half.result.is_partial is False
    assert half.result.agreement > 0.9


def test_the_report_says_where_not_all_positions_were_read(half: Any, digits: Any, digits_model: nn.Module) -> None:
    said = "of each layer at most 16,384 output positions were read, spread over all inputs"
    assert 384 * 8 * 8 > 16_384 > 96 * 8 * 8
    assert said in half.result.assumptions
    few = analyzer.fit(digits_model, digits.images[:128], macs=0.5)
    assert said not in few.result.assumptions
