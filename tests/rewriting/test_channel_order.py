"""Channels are renumbered so that groups keep more, and never where the function would change."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from analyzer.dataflow import facts_of
from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.rewriting import ordered, rewritten
from analyzer.tracing import trace
from analyzer.values.convolution import Convolution, Proposal
from analyzer.values.facts import ModelFacts
from analyzer.values.graph import Trace

CHANNELS, GROUPS = 16, 4


class Net(nn.Module):
    """Three convolutions in a row; `first` and `last` may be cut off from the middle one by an addition."""

    def __init__(self, adds_before: bool = False, adds_after: bool = False, between: nn.Module | None = None) -> None:
        super().__init__()
        self.adds_before, self.adds_after = adds_before, adds_after
        self.first, self.norm = nn.Conv2d(3, CHANNELS, 3), nn.BatchNorm2d(CHANNELS)
        self.middle = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.between = between or nn.ReLU()
        self.last = nn.Conv2d(CHANNELS, 5, 3)
        for tensor in (self.norm.weight, self.norm.bias, self.norm.running_mean):
            nn.init.normal_(tensor)
        self.middle.weight.data = hidden_groups()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.first(x)).relu()
        y = self.between(self.middle(x + x.flip(1) if self.adds_before else x))
        return self.last(y + y.flip(1) if self.adds_after else y)


def hidden_groups() -> torch.Tensor:
    """A kernel of four groups with its channels shuffled on both sides, and a little noise."""
    blocks = torch.block_diag(*torch.ones(GROUPS, CHANNELS // GROUPS, CHANNELS // GROUPS))
    generator = torch.Generator().manual_seed(1)
    rows, columns = (torch.randperm(CHANNELS, generator=generator) for _ in range(2))
    mask = blocks[rows][:, columns, None, None] + 0.02
    return mask * torch.randn(CHANNELS, CHANNELS, 3, 3, generator=generator)


PROPOSAL = Proposal(
    (("middle", (Convolution(CHANNELS, CHANNELS, (3, 3), (1, 1), (1, 1), (1, 1), GROUPS, bias=True),)),)
)
X = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(2))


def traced(model: nn.Module) -> tuple[Trace, ModelFacts]:
    result = trace(from_module(model, (X,), {}))
    count = Count(result)
    return result, facts_of(result, count.owners, count.costs)


def test_hidden_groups_are_found_and_kept() -> None:
    model = Net().eval()
    result, facts = traced(model)
    renumbered = ordered(model, [PROPOSAL], facts, result.inputs)
    assert torch.allclose(renumbered(X), model(X), atol=1e-4)
    assert rewritten(model, [PROPOSAL]).errors["middle"] > 0.5
    assert rewritten(renumbered, [PROPOSAL]).errors["middle"] < 0.05


@pytest.mark.parametrize("side", ["adds_before", "adds_after"])
def test_one_side_is_renumbered_where_the_other_must_stay(side: str) -> None:
    model = Net(**{side: True}).eval()
    result, facts = traced(model)
    renumbered = ordered(model, [PROPOSAL], facts, result.inputs)
    assert torch.allclose(renumbered(X), model(X), atol=1e-4)
    assert rewritten(renumbered, [PROPOSAL]).errors["middle"] < rewritten(model, [PROPOSAL]).errors["middle"]


@pytest.mark.parametrize(
    "model",
    [
        Net(adds_before=True, adds_after=True),
        Net(between=nn.Sequential(nn.ReLU(), nn.PReLU(CHANNELS, 0.1))),
    ],
)
def test_what_must_keep_its_order_does(model: nn.Module) -> None:
    """Both sides are added to something; values of a layer that is not known belong to channels."""
    for module in model.modules():
        if isinstance(module, nn.PReLU):
            nn.init.normal_(module.weight)
    result, facts = traced(model.eval())
    assert torch.allclose(ordered(model, [PROPOSAL], facts, result.inputs)(X), model(X), atol=1e-4)


def test_a_model_that_cannot_be_run_so_is_left_as_it_is() -> None:
    model = Net().eval()
    result, facts = traced(model)
    inputs = [replace(item, name="another") for item in result.inputs]
    assert ordered(model, [PROPOSAL], facts, inputs) is model
    assert ordered(model, [], facts, result.inputs) is model
