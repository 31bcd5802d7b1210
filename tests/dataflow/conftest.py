"""Traces of small models made by the tests."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from analyzer.dataflow import facts_of
from analyzer.formulas.count import Count
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing import trace
from analyzer.values.facts import ModelFacts
from analyzer.values.graph import Trace

Tracer = Callable[..., Trace]


def traced(module: nn.Module, *shapes: tuple[int, ...], dtype: str = "float32") -> Trace:
    inputs = Inputs(tuple(InputSpec(shape, dtype) for shape in shapes))
    return trace(LoadedModel("model", "model", module.eval().to("meta"), (inputs,)))


@pytest.fixture(name="traced")
def traced_fixture() -> Tracer:
    """Trace a module in eval mode on inputs of these shapes; it loses its values."""
    return traced


@pytest.fixture
def facts() -> Callable[..., ModelFacts]:
    """The facts of a module in eval mode on inputs of these shapes."""

    def told(module: nn.Module, *shapes: tuple[int, ...]) -> ModelFacts:
        count = Count(traced(module, *shapes))
        return facts_of(count.trace, count.owners, count.costs)

    return told


@pytest.fixture
def zoo() -> Callable[..., nn.Module]:
    """A builder called without memory for its weights."""

    def built(builder: Callable[..., nn.Module], **options: object) -> nn.Module:
        with torch.device("meta"):
            return builder(**options)

    return built
