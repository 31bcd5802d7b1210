"""Layers are replaced wherever they occur, and the original is left alone."""

import pytest
import torch
from torch import nn

from analyzer.rewriting import restructure, rewritten
from analyzer.values.convolution import Convolution, Proposal
from analyzer.values.errors import Problem

GROUPED = Convolution(8, 8, (3, 3), (1, 1), (1, 1), (1, 1), groups=2, bias=True)


def conv(**options: object) -> nn.Conv2d:
    return nn.Conv2d(8, 8, 3, padding=1, **options)  # type: ignore[arg-type]


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = self.second = conv()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))


def test_an_unknown_path_is_refused() -> None:
    with pytest.raises(Problem, match="no layer 'third'"):
        restructure(Twice(), [Proposal((("third", (GROUPED,)),))])


def test_a_shared_layer_is_replaced_everywhere() -> None:
    model = restructure(Twice(), [Proposal((("first", (GROUPED,)),))])
    assert model.first is model.second
    assert model.first.groups == 2


def test_the_model_itself_can_be_the_layer() -> None:
    assert restructure(conv(), [Proposal((("", (GROUPED,)),))]).groups == 2


def test_the_original_is_left_alone() -> None:
    model = Twice().train()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    result = rewritten(model, [Proposal((("first", (GROUPED,)),))]).module
    assert model.first.groups == 1
    assert model.training
    assert result.training
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
