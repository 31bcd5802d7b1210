"""A model whose forward is given by the test."""

from typing import Any

import pytest
import torch
from torch import nn


class Repeated(nn.Module):
    """A linear layer of eight features that `run` calls as often as it likes."""

    def __init__(self, run: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.run = run

    def forward(self, x: torch.Tensor) -> Any:
        return self.run(self.layer, x)


@pytest.fixture(scope="session")
def repeated() -> type[Repeated]:
    return Repeated
