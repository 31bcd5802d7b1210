"""Parameters that a token uses of stacked experts, of listed ones, and of models without any."""

from typing import Any

import pytest
import torch
from torch import nn

from analyzer.estimating.token_parameters import token_parameters
from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.tracing import trace
from analyzer.values.steps import TokenParameters


def of_a_token(model: nn.Module, *args: Any) -> TokenParameters:
    return token_parameters(Count(trace(from_module(model.eval(), args or (torch.randn(1, 8),), {}, None))))


class Stacked(nn.Module):
    """Experts in one weight, of which a router's choice is gathered; a shared expert is always used."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.shared = nn.Linear(8, 6, bias=False), nn.Linear(8, 8, bias=False)
        self.weight, self.bias = nn.Parameter(torch.randn(6, 8, 8)), nn.Parameter(torch.randn(6, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, chosen = self.router(x).topk(2)
        places = chosen.reshape(-1)
        rows = x.repeat_interleave(2, dim=0).unsqueeze(1)
        return self.shared(x) + (torch.bmm(rows, self.weight[places])[:, 0] + self.bias[places]).sum(0)


def test_two_of_six_stacked_experts_are_reached() -> None:
    found = of_a_token(Stacked())
    assert found.total == 6 * 8 + 8 * 8 + 6 * (8 * 8 + 8)
    assert found.least == found.most == 6 * 8 + 8 * 8 + 2 * (8 * 8 + 8)
    assert [(g.weight, g.experts, g.reached, g.most) for g in found.groups] == [
        ("weight", 6, 2, 8 * 8),
        ("bias", 6, 2, 8),
    ]


class Listed(nn.Module):
    """Experts in a list, of which those that the values choose run."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.router = nn.Linear(8, len(widths), bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(8, width, bias=False), nn.ReLU(), nn.Linear(width, 8, bias=False))
            for width in widths
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, chosen = self.router(x).topk(1)
        output = torch.zeros_like(x)
        for number in chosen.unique().tolist():
            rows = torch.where(chosen == number)[0]
            output[rows] += self.experts[number](x[rows])
        return output


def test_one_of_four_listed_experts_is_reached() -> None:
    found = of_a_token(Listed(16, 16, 16, 16))
    assert found.least == found.most == 8 * 4 + 2 * 8 * 16
    assert {(group.experts, group.reached) for group in found.groups} == {(4, 1)}


def test_experts_of_unequal_size_give_a_range() -> None:
    found = of_a_token(Listed(4, 16))
    assert (found.least, found.most) == (8 * 2 + 2 * 8 * 4, 8 * 2 + 2 * 8 * 16)


class Spare(nn.Module):
    """A list of which one layer is never used, and no router that chose."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers[1](self.layers[0](x))


def test_a_layer_that_is_never_used_is_no_expert() -> None:
    assert of_a_token(Spare()).groups == ()


class Sliced(nn.Module):
    """Parts of a stacked weight are multiplied one by one, those without rows too."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.weight = nn.Linear(8, 4, bias=False), nn.Parameter(torch.randn(4, 8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        chosen = self.router(x).argmax(-1)
        parts = [x[chosen == number] @ self.weight[number] for number in range(4)]
        return torch.cat(parts)


def test_an_expert_without_rows_is_not_reached() -> None:
    found = of_a_token(Sliced())
    assert found.most == 8 * 4 + 8 * 8


class Positions(nn.Module):
    """Tables of which a few rows are read, by no router; and layers that all run."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.positions = nn.Embedding(100, 8), nn.Parameter(torch.randn(50, 8))
        self.relative, self.head = nn.Parameter(torch.randn(9, 8)), nn.Linear(8, 8)
        self.register_buffer("index", torch.arange(4))
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.table(tokens) + self.positions[: tokens.shape[1]] + self.relative[self.index].sum(0)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def test_tables_and_layers_count_in_full() -> None:
    found = of_a_token(Positions(), torch.zeros(1, 1, dtype=torch.int64))
    assert (found.groups, found.least, found.most) == ((), found.total, found.total)


@pytest.mark.parametrize("model", [nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))])
def test_a_model_without_experts_uses_all(model: nn.Module) -> None:
    found = of_a_token(model)
    assert (found.groups, found.most) == ((), found.total)
