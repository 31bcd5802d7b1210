"""Channels that are provably dead are taken out exactly, before anything else is changed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import analyzer


def conv_norm(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))


class Plain(nn.Module):
    """Three convolutions in a row and a linear layer on flattened channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = conv_norm(3, 16), conv_norm(16, 24), conv_norm(24, 8)
        self.head = nn.Linear(8 * 4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in (self.first, self.second, self.third):
            x = block(x).relu()
        out: torch.Tensor = self.head(nn.functional.adaptive_avg_pool2d(x, 2).flatten(1))
        return out


class Residual(nn.Module):
    """A stem, and a block that adds to what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner, self.outer = conv_norm(3, 16), conv_norm(16, 12), conv_norm(12, 16)
        self.last, self.head = conv_norm(16, 8), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).relu()
        x = (x + self.outer(self.inner(x).relu())).relu()
        out: torch.Tensor = self.head(self.last(x).relu().mean((2, 3)))
        return out


class Separable(nn.Module):
    """A depthwise convolution between two pointwise ones."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(3, 16, 1, bias=False), nn.BatchNorm2d(16))
        self.depth = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), nn.BatchNorm2d(16))
        self.project, self.head = nn.Conv2d(16, 8, 1), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.project(self.depth(self.expand(x).relu()).relu()).mean((2, 3)))
        return out


def calibrated(make: Callable[[], nn.Module]) -> nn.Module:
    """Normalizations with statistics, scales and shifts of their own."""
    torch.manual_seed(0)
    model = make().train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    model(torch.randn(32, 3, 8, 8))
    return model.eval()


def silence(block: Any, *channels: int) -> None:
    """No scale and no shift."""
    with torch.no_grad():
        block[1].weight[list(channels)] = 0
        block[1].bias[list(channels)] = 0


def fit(model: nn.Module) -> Any:
    return analyzer.fit(model, torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(1)), macs=1.0)


def same(model: nn.Module, plan: Any) -> bool:
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        return torch.allclose(model(x), plan.model(x), atol=1e-5)


def test_a_plain_network_loses_them_everywhere() -> None:
    model = calibrated(Plain)
    silence(model.first, 1, 5)
    silence(model.third, 2)
    with torch.no_grad():
        model.third[0].weight[:, 7] = 0  # nothing reads it
    plan = fit(model)
    assert plan.model.first[0].weight.shape == (14, 3, 3, 3)
    assert plan.model.first[1].weight.shape == (14,)
    assert plan.model.second[0].weight.shape == (23, 14, 3, 3)
    assert plan.model.third[0].weight.shape == (7, 23, 3, 3)
    assert plan.model.head.weight.shape == (5, 7 * 4)
    assert same(model, plan)
    macs = 64 * 9 * (3 * 14 + 14 * 23 + 23 * 7) + 7 * 4 * 5
    (budget,) = plan.result.budgets
    assert budget.promised == budget.traced == macs
    assert budget.before - sum(layer.saved_macs for layer in plan.choices) == macs
    assert {(layer.label, layer.harm, layer.error) for layer in plan.choices} == {("dead channels removed", 0, 0)}


def test_a_residual_network_loses_those_of_its_branch_and_those_that_all_terms_lack() -> None:
    model = calibrated(Residual)
    silence(model.inner, 0, 11)
    silence(model.stem, 3, 4)
    silence(model.outer, 4, 5)
    plan = fit(model)
    assert plan.model.inner[0].weight.shape == (10, 15, 3, 3)
    assert plan.model.outer[0].weight.shape == (15, 10, 3, 3)
    assert plan.model.stem[0].weight.shape == (15, 3, 3, 3)
    assert plan.model.last[0].weight.shape == (8, 15, 3, 3)
    assert same(model, plan)


def test_a_depthwise_convolution_between_loses_them_too() -> None:
    model = calibrated(Separable)
    silence(model.expand, 2, 3)
    silence(model.depth, 2, 3)
    plan = fit(model)
    assert plan.model.depth[0].weight.shape == (14, 1, 3, 3)
    assert plan.model.project.weight.shape == (8, 14, 1, 1)
    assert same(model, plan)


def shifted(model: Any) -> None:
    """Zero weights before a normalization that makes something of zero."""
    with torch.no_grad():
        model.first[0].weight[1] = 0


def one_term(model: Any) -> None:
    silence(model.stem, 3)


def nothing(_: Any) -> None:
    """All channels are in use."""


def given(model: Any) -> None:
    with torch.no_grad():
        model.head.weight[2] = 0
        model.head.bias[2] = 0


@pytest.mark.parametrize(
    ("make", "change"), [(Plain, shifted), (Residual, one_term), (Residual, nothing), (Plain, given)]
)
def test_what_is_used_stays(make: Callable[[], nn.Module], change: Callable[[Any], None]) -> None:
    model = calibrated(make)
    change(model)
    plan = fit(model)
    assert plan.choices == ()
    assert all(
        one.shape == two.shape
        for one, two in zip(model.state_dict().values(), plan.model.state_dict().values(), strict=True)
    )


class Counts(Plain):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).relu().view(-1, 16, 8, 8)
        for block in (self.second, self.third):
            x = block(x).relu()
        out: torch.Tensor = self.head(nn.functional.adaptive_avg_pool2d(x, 2).flatten(1))
        return out


def test_layers_whose_width_the_forward_states_keep_theirs_alone() -> None:
    model = calibrated(Counts)
    silence(model.first, 1)
    silence(model.second, 4)
    plan = fit(model)
    assert plan.model.first[0].weight.shape[0] == 16
    assert plan.model.second[0].weight.shape[0] == 23
    assert same(model, plan)


def test_they_go_first_and_the_rest_is_fitted_to_what_is_left() -> None:
    model = calibrated(Plain)
    silence(model.second, *range(6))
    x = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    plan = analyzer.fit(model, x, macs=0.5)
    (budget,) = plan.result.budgets
    assert budget.before == 64 * 9 * (3 * 16 + 16 * 24 + 24 * 8) + 8 * 4 * 5
    assert budget.promised == budget.traced <= budget.limit
    assert budget.before - sum(layer.saved_macs for layer in plan.choices) == budget.traced
    assert any(layer.label.startswith("dead channels removed; ") for layer in plan.choices)
    assert len({layer.path for layer in plan.choices}) == len(plan.choices)
    assert plan.curve[0].harm == 0
    assert plan.curve[0].layers == len(("second.0", "second.1", "third.0"))
    assert plan.curve[0].macs == 64 * 9 * (3 * 16 + 16 * 18 + 18 * 8) + 8 * 4 * 5
