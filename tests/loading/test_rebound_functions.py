"""A function that closes over a module of the original closes over its copy in the copy."""

import functools
from typing import Any

import torch
from torch import nn

from analyzer.loading.meta_copy import MetaTensors, copy_with

OUTSIDE = nn.Linear(3, 3)


def copied(model: nn.Module) -> Any:
    return copy_with(model, MetaTensors())


def closing_over(*modules: Any) -> Any:
    def forward(x: torch.Tensor) -> torch.Tensor:
        return functools.reduce(lambda value, module: module(value), modules, x)

    return forward


def held_by(function: Any) -> tuple[Any, ...]:
    return tuple(cell.cell_contents for cell in function.__closure__)


def test_a_patched_forward() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    model.forward = closing_over(model[0])
    twin = copied(model)
    assert held_by(twin.forward) == ((twin[0],),)
    assert held_by(model.forward) == ((model[0],),)
    assert twin.forward(torch.empty(2, 3, device="meta")).is_meta


def test_a_wrapped_forward_of_a_child() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    former = model[0].forward

    def wrapped(x: torch.Tensor) -> torch.Tensor:
        return former(x) * 2

    model[0].forward = wrapped
    twin = copied(model)
    assert held_by(twin[0].forward)[0].__self__ is twin[0]
    assert former.__self__ is model[0]


def test_hooks_and_functions_within_functions() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    inner = closing_over(model[0])
    model[1].register_forward_hook(lambda module, args, output: inner(output))
    twin = copied(model)
    (hook,) = twin[1]._forward_hooks.values()
    assert held_by(held_by(hook)[0]) == ((twin[0],),)


def test_a_function_that_calls_itself() -> None:
    model = nn.Linear(3, 3)

    def again(depth: int) -> Any:
        return again(depth - 1) if depth else model

    model.again = again
    assert copied(model).again(0) is not model


def test_what_does_not_lead_back_stays_the_same() -> None:
    model = nn.Linear(3, 3)
    model.forward = closing_over(OUTSIDE)
    model.activation = nn.functional.relu
    twin = copied(model)
    assert twin.forward is model.forward
    assert twin.activation is nn.functional.relu
