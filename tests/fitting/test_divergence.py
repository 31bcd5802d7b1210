"""Outputs are compared as class scores or by their relative error; others are refused."""

from typing import Any

import pytest
import torch
from torch import nn

import analyzer
from analyzer import Problem


def test_a_model_that_gives_no_tensors_is_refused(digits: Any, digits_model: nn.Module) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = digits_model

        def forward(self, x: torch.Tensor) -> Any:
            return "scores", self.inner(x)

    with pytest.raises(Problem, match="the model gives str"):
        analyzer.fit(Named(), digits.images[:32], macs=0.5)


def test_a_regression_is_judged_by_its_relative_error() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 16, 9, padding=4), nn.ReLU(), nn.Conv1d(16, 8, 5, padding=2)).eval()
    plan = analyzer.fit(model, torch.randn(32, 4, 50), macs=0.7)
    assert plan.result.measure == "relative error"
    assert plan.result.agreement is None
    assert plan.result.budgets[0].traced == plan.result.budgets[0].promised
