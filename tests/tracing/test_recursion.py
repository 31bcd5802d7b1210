"""Models nested deeper than Python's recursion limit allows for are analysed, and the limit is given back."""

import sys

import pytest
import torch
from torch import nn

from analyzer import Problem, analyze
from analyzer.tracing.recursion import enough_frames, nesting


def nested(depth: int) -> nn.Module:
    model: nn.Module = nn.Linear(8, 8)
    for _ in range(depth):
        model = nn.Sequential(model)
    return model


@pytest.mark.parametrize("depth", [0, 1, 200, 225])
def test_any_depth_that_torch_runs(depth: int) -> None:
    before = sys.getrecursionlimit()
    model = nested(depth)
    model(torch.randn(2, 8))
    assert analyze(model, torch.randn(2, 8)).total.macs == 2 * 8 * 8
    assert sys.getrecursionlimit() == before


def test_nesting() -> None:
    assert nesting(nested(7)) == 7
    circular = nn.Sequential(nn.ReLU())
    circular.append(circular)
    assert nesting(circular) == 1
    with enough_frames(nested(50)):
        inside = sys.getrecursionlimit()
    assert inside == sys.getrecursionlimit() + 50 * 20


def test_a_forward_without_an_end_is_a_problem() -> None:
    class Endless(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self(x)

    with pytest.raises(Problem, match="RecursionError"):
        analyze(Endless(), torch.randn(2, 8))
