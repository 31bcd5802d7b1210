"""Any forward that is run for another purpose than a trace leaves the user's objects as they were."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from state_audit import audited
from torch import nn

from analyzer.loading import from_module
from analyzer.loading.loaded_model import LoadedModel
from analyzer.reconciliation import reconcile
from analyzer.tracing import trace
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


def real(loaded: LoadedModel) -> None:
    with real_forward(loaded, 0) as (module, (args, kwargs)):
        module(*args, **kwargs)
        assert len(SEEN) == 1


def training(loaded: LoadedModel) -> None:
    training_footprint(loaded, "sgd")


def other_counters(loaded: LoadedModel) -> None:
    reconcile(loaded, trace(loaded), {})


def raising(loaded: LoadedModel) -> None:
    with suppress(KeyError), left_as_found(loaded):
        SEEN.append(1)
        raise KeyError


@pytest.mark.parametrize("run", [real, training, other_counters, raising])
def test_nothing_is_left_behind(run: Callable[[LoadedModel], None]) -> None:
    model, x = Remembering(), torch.ones(2, 8)
    loaded = from_module(model, (x,), {})
    audited((model, x), lambda: run(loaded))
    assert (SEEN, model.cache) == ([], {})
