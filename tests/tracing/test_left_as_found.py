"""Any forward that is run for another purpose than a trace leaves the user's objects as they were."""

from typing import Any

import torch
from torch import nn

from analyzer.loading import from_module
from analyzer.tracing.left_as_found import left_as_found
from analyzer.tracing.real_forward import real_forward
from analyzer.tracing.training_step import training_footprint

SEEN: list[Any] = []


class Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.cache: dict[str, Any] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        SEEN.append(x)
        return self.layer(self.cache.setdefault("x", x))


def test_a_real_forward() -> None:
    model = Remembering()
    with real_forward(from_module(model, (torch.ones(2, 8),), {}), 0) as (module, (args, kwargs)):
        module(*args, **kwargs)
        assert len(SEEN) == 1
    assert (SEEN, model.cache) == ([], {})


def test_a_training_step() -> None:
    model = Remembering()
    training_footprint(from_module(model, (torch.ones(2, 8),), {}), "sgd")
    assert (SEEN, model.cache) == ([], {})


def test_a_block_that_raises() -> None:
    loaded = from_module(Remembering(), (torch.ones(2, 8),), {})
    try:
        with left_as_found(loaded):
            SEEN.append(1)
            raise KeyError
    except KeyError:
        assert SEEN == []
