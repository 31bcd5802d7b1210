"""Counts of small models."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.tracing import trace


def _counted(model: nn.Module, *shape: int, dtype: torch.dtype = torch.float32) -> Count:
    image = torch.zeros(shape, dtype=dtype)
    return Count(trace(from_module(model.eval(), (image,), {}, None)))


@pytest.fixture(scope="session")
def counted() -> Callable[..., Count]:
    return _counted
