"""Tiny models and their consultations, and clocks that tell what a test wants."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from analyzer.advising.advisor import AdvisedModel
from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.measuring import Settings
from analyzer.measuring.interleaving import Patience

QUICK = Patience(turns=2, spread=1e9, seconds=0)
HASTY = Settings(model=QUICK, layer=QUICK, block=1e-6)


class Net(nn.Module):
    """Two wide 3×3 convolutions, so that rules have something to say, a sum of its own, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.wide = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(64)
        self.twin = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.head = nn.Linear(64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images of any size to ten numbers."""
        features = self.relu(self.norm(self.stem(images)))
        features = self.twin(self.norm2(self.wide(features))) + features
        return self.head(features.mean((2, 3)))


class Branches(nn.Module):
    """What PAR301 makes one convolution of; its activation stays."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow, self.act = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.wide(x) + self.narrow(x))


@pytest.fixture
def branches() -> nn.Module:
    return Branches()


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def consult() -> Callable[..., AdvisedModel]:
    def advised_model(module: nn.Module, *args: Any) -> AdvisedModel:
        given = args or (torch.ones(1, 3, 8, 8),)
        found = study(from_module(module, given, {}, None)).model
        assert found is not None
        return found

    return advised_model


@pytest.fixture
def hasty() -> Settings:
    """Two turns of one run each, whatever they say."""
    return HASTY


@pytest.fixture
def ticking() -> Callable[[float], Callable[[], float]]:
    """A clock that is so many seconds later whenever it is read."""

    def clock(step: float) -> Callable[[], float]:
        def ticks() -> Iterator[float]:
            now = 0.0
            while True:
                yield now
                now += step

        return ticks().__next__

    return clock
