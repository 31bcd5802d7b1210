"""A trace sees no mode of its caller's and leaves none of its own behind."""

from queue import SimpleQueue
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from analyzer import Problem, analyze
from analyzer.tracing import modes


class Counting(TorchDispatchMode):
    calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


class Watching(TorchFunctionMode):
    calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


class Analysing(nn.Module):
    """Has another model analysed while it runs, in the way of a hook."""

    def __init__(self, found: SimpleQueue[Any]) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4))
        inner, x = nn.LSTM(8, 8), torch.randn(2, 1, 8)
        self.layers[0].register_forward_pre_hook(lambda *_: found.put(analyze(inner, x)))

    def forward(self, x: torch.Tensor) -> Any:
        return self.layers(x)


def test_an_analysis_within_another_disturbs_neither() -> None:
    found: SimpleQueue[Any] = SimpleQueue()  # a list would be given back as it was
    outer, plain = Analysing(found), Analysing(found)
    plain.layers[0]._forward_pre_hooks.clear()
    x = torch.randn(2, 8)
    with_hook, without = analyze(outer, x), analyze(plain, x)
    assert with_hook.layers == without.layers
    assert (with_hook.total, with_hook.tracing) == (without.total, without.tracing)
    inner = found.get_nowait()
    assert found.empty()
    alone = analyze(nn.LSTM(8, 8), torch.randn(2, 1, 8))
    assert (inner.layers, inner.total, inner.tracing) == (alone.layers, alone.total, alone.tracing)


def test_the_callers_modes_see_nothing_and_stay() -> None:
    x, model = torch.randn(2, 8), nn.Linear(8, 8)
    with Counting() as counting, Watching() as watching:
        there = modes.entered()
        counting.calls = watching.calls = 0
        with modes.only(modes.NONE):
            model(x)
        assert (counting.calls, watching.calls) == (0, 0)
        assert analyze(model, x).total.macs == 2 * 8 * 8
        assert modes.entered() == there


JAGGED = [
    lambda layer, x: layer(torch.nested.nested_tensor([x[:2], x[:3]], layout=torch.jagged)),
    lambda layer, x: layer(torch.nested.nested_tensor_from_jagged(x, torch.tensor([0, 2, 5, 6]))),
]


@pytest.mark.parametrize("run", JAGGED)
def test_nothing_stays_on_the_stack_after_a_jagged_tensor(run: Any) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> Any:
            return run(self.layer, x)

    try:
        macs = analyze(Model(), torch.randn(6, 8)).total.macs
    except Problem:
        macs = None
    assert macs in (None, 5 * 8 * 8, 6 * 8 * 8)
    assert modes.entered() == modes.NONE


def test_modes_that_a_block_leaves_are_taken_away() -> None:
    with modes.only(modes.entered()):
        Counting().__enter__()
        Watching().__enter__()
    assert modes.entered() == modes.NONE
