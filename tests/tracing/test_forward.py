"""A call is recorded to its end: what it yields later, what it draws, layers that it makes or reaches otherwise."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from analyzer import Analysis, analyze
from analyzer.tracing.containers import MOST_YIELDED

ONCE = 2 * 8 * 8
"""MACs of one Linear(8, 8) on two rows."""


def steps(layer: nn.Module, x: torch.Tensor, number: int = 3) -> Iterator[torch.Tensor]:
    for _ in range(number):
        x = layer(x)
        yield x


LAZY: dict[str, Any] = {
    "generator": steps,
    "map": lambda layer, x: map(layer, [x] * 3),
    "in a tuple": lambda layer, x: (x, steps(layer, x)),
    "in a dictionary": lambda layer, x: {"steps": [steps(layer, x)]},
    "of generators": lambda layer, x: (steps(layer, x, 1) for _ in range(3)),
}


@pytest.mark.parametrize("run", LAZY.values(), ids=LAZY.keys())
def test_what_is_yielded_after_the_call_is_counted(repeated, run: Any) -> None:
    analysis = analyze(repeated(run), torch.randn(2, 8))
    assert (analysis.total.macs, analysis.complete, analysis.never_run) == (3 * ONCE, True, ())


def test_a_generator_without_an_end_is_named(repeated) -> None:
    analysis = analyze(repeated(lambda layer, x: steps(layer, x, 10**9)), torch.randn(2, 8))
    assert analysis.total.macs == MOST_YIELDED * ONCE
    assert [item.operator for item in analysis.uncounted] == ["generator"]


def test_an_asynchronous_forward_is_named() -> None:
    class Asynchronous(nn.Module):
        async def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    analysis = analyze(Asynchronous(), torch.randn(2, 8))
    assert [item.operator for item in analysis.uncounted] == ["coroutine"]


def rows(analysis: Analysis) -> dict[str, tuple[int, int, int | None]]:
    return {layer.path: (layer.calls, layer.params, layer.macs) for layer in analysis.layers}


PARAMS = 8 * 8 + 8


def test_a_layer_that_a_closure_reaches_has_its_row() -> None:
    model = nn.Module()
    model.layer = nn.Linear(8, 8)
    model.forward = lambda x: model.layer(x)  # type: ignore[method-assign]
    analysis = analyze(model, torch.randn(2, 8))
    assert rows(analysis) == {"": (1, 0, 0), "layer": (1, PARAMS, ONCE)}
    assert analysis.never_run == ()


def test_a_wrapped_forward_keeps_the_rows_of_its_layers() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8)))
    for child in list(model.modules()):
        child.forward = (lambda inner: lambda *args: inner(*args))(child.forward)
    analysis = analyze(model, torch.randn(2, 8))
    assert rows(analysis) == {"": (1, 0, 0), "0": (1, PARAMS, ONCE), "1": (1, 0, 0), "1.0": (1, PARAMS, ONCE)}
    assert analysis.never_run == ()


def test_a_layer_that_the_forward_makes_has_its_row() -> None:
    class Growing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(x)
            if not hasattr(self, "second"):
                self.second = nn.Sequential(nn.Linear(8, 8))
            return self.second(x)

    analysis = analyze(Growing(), torch.randn(2, 8))
    calls_and_macs = {path: (calls, macs) for path, (calls, _, macs) in rows(analysis).items()}
    assert calls_and_macs == {"": (1, 0), "first": (1, ONCE), "second": (1, 0), "second.0": (1, ONCE)}
    assert sum(layer.params for layer in analysis.layers) == analysis.total.params == 2 * PARAMS
    assert analysis.never_run == ()
