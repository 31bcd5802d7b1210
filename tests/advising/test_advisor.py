"""Advice that is given holds: a change of resolution is proved before it is said."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer.advising.advisor import AdvisedModel
from analyzer.advising.verification import prove
from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.values.requests import AnalysisOptions


class Resized(nn.Module):
    """Gives resolution back in its forward, by a factor or to a size."""

    def __init__(self, by_factor: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(64, 64, 3, padding=1)
        self.options = {"scale_factor": 2} if by_factor else {"size": (32, 32)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.interpolate(x, **self.options))


def advised_model(up: nn.Module) -> AdvisedModel:
    down = nn.Conv2d(64, 64, 3, stride=2, padding=1)
    body = nn.Conv2d(16, 64, 3, padding=1), down, nn.Conv2d(64, 64, 3, padding=1), up, nn.Conv2d(64, 4, 1)
    loaded = from_module(nn.Sequential(*body).eval(), (torch.empty(1, 16, 32, 32),), {})
    found = study(loaded, AnalysisOptions(select=("ALL", "DIL102"))).model
    assert found is not None
    return found


@pytest.mark.parametrize(("by_factor", "prices"), [(True, 0), (False, 1)])
def test_a_change_of_resolution_that_does_not_hold_is_not_said(by_factor: bool, prices: int) -> None:
    advice = advised_model(Resized(by_factor)).advised
    assert sum(item.advice.rule == "DIL102" for item in advice) == prices


@pytest.mark.parametrize("by_factor", [True, False])
def test_everything_that_is_said_is_kept(by_factor: bool) -> None:
    found = advised_model(Resized(by_factor))
    for item in found.advised:
        if item.proposal is not None:
            assert prove(found.loaded, [item.proposal], found.count.trace) == item.advice.saved
