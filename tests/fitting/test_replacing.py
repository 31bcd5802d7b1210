"""Layers known by their outputs alone, transposed or wide, are replaced as well as the outputs allow."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import analyzer
from analyzer.fitting import layer_choices, networks


def low_rank_outputs(layer: Any, axis: int, rank: int) -> Any:
    """Weights whose outputs span `rank` dimensions; a bias that does not lie in their span."""
    with torch.no_grad():
        weight = layer.weight.movedim(axis, 0).flatten(1)
        basis = torch.linalg.qr(torch.randn(len(weight), rank)).Q
        layer.weight.copy_((basis @ basis.T @ weight).reshape(layer.weight.movedim(axis, 0).shape).movedim(0, axis))
        layer.bias.uniform_(2, 5)
    return layer


def transposed() -> nn.Module:
    return low_rank_outputs(nn.ConvTranspose2d(16, 24, 4, stride=2, padding=1), 1, 4)


def wide() -> nn.Module:
    return low_rank_outputs(nn.Conv2d(16, 24, 3, padding=1), 0, 4)


@pytest.mark.parametrize("make", [transposed, wide])
def test_outputs_of_low_rank_are_kept_with_their_bias(
    make: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (networks, layer_choices):
        monkeypatch.setattr(module, "WIDEST", 8)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU(), make()).eval()
    x = torch.randn(16, 3, 6, 6)
    plan = analyzer.fit(model, x, macs=0.6)
    (budget,) = plan.result.budgets
    assert budget.promised == budget.traced <= budget.limit
    assert [(layer.path, layer.label.split(",")[0]) for layer in plan.choices] == [("2", "low rank of outputs")]
    with torch.no_grad():
        assert torch.allclose(plan.model(x), model(x), atol=2e-3)


def test_layers_that_nothing_replaces_are_named_with_the_reason() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(16, 16, 3, padding=1, groups=4),
        nn.Conv2d(16, 1, 1),
        nn.Conv2d(1, 32, 3),
        nn.Conv2d(32, 32, 3),
    ).eval()
    plan = analyzer.fit(model, torch.randn(8, 3, 8, 8), macs=0.9)
    assert {layer.path: layer.reason for layer in plan.result.left_alone} == {
        "0": "it does more than one zero-padded convolution with weights of its own",
        "1": "its groups keep apart what every replacement would mix",
        "2": "no replacement would save anything",
    }


def test_a_budget_on_the_estimated_time(digits: Any, digits_model: nn.Module) -> None:
    plan = analyzer.fit(digits_model, digits.images[:64], latency=0.95)
    (budget,) = plan.result.budgets
    assert (budget.metric, budget.asked) == ("latency", "95%")
    assert 0 < budget.promised <= budget.limit == budget.before * 95 // 100
    assert plan.choices
