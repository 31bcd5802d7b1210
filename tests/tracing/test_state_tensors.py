"""Which tensors a value holds, and which arguments of a next call may be given them."""

from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn

from analyzer.tracing.state_tensors import asked_for_state, held_tensors, named_tensors, taken, ways_back

X = torch.zeros(1)
Pair = namedtuple("Pair", "first second")


@dataclass
class Layer:
    keys: torch.Tensor
    lengths: dict[int, Any] = field(default_factory=dict)


class Cache:
    def __init__(self, *layers: Layer) -> None:
        self.layers = list(layers)
        self.itself = self
        self.module = nn.Linear(1, 1)


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (X, [""]),
        (None, []),
        ({"a": X, "b": 3}, ["a"]),
        ((X, [X.clone(), "text"]), ["0", "1.0"]),
        ((X, X), ["0"]),
        (Pair(X, {"n": X.clone()}), ["first", "second.n"]),
        (Cache(Layer(X, {0: X.clone(), 1: None})), ["layers.0.keys", "layers.0.lengths.0"]),
    ],
)
def test_tensors_are_named_by_the_way_to_them_each_once(value: Any, paths: list[str]) -> None:
    assert [path for path, _ in named_tensors(value)] == paths


class Model(nn.Module):
    def forward(self, x: Any, attention_mask: Any = None, h: Any = None, c: Any = None, flag: bool = False) -> Any:
        return x


def test_a_part_of_an_output_goes_to_the_argument_of_its_name() -> None:
    output = {"logits": X, "h": X.clone(), "attention_mask": X.clone(), "hidden": X.clone(), "c": None}
    assert ways_back(Model(), (X,), {}, output) == [{"h": "h"}]


def test_parts_of_a_tuple_but_the_first_are_tried_on_what_was_left_out() -> None:
    ways = ways_back(Model(), (X,), {"flag": True}, (X, X.clone(), X.clone()))
    single = [{name: place} for place in (1, 2) for name in ("h", "c")]
    assert ways == [*single, {"h": 1, "c": 2}, {"h": (1, 2)}, {"c": (1, 2)}]


@pytest.mark.parametrize("output", [X, None, (X,), (X, None), {"logits": X, "hidden": X.clone()}])
def test_an_output_without_state_has_no_way_back(output: Any) -> None:
    assert ways_back(Model(), (X,), {}, output) == []


class Stated(nn.Module):
    def forward(self, x: Any, hidden_state: Any, other: Any) -> Any:
        return x


def test_a_first_state_may_be_given_again() -> None:
    assert ways_back(Stated(), (X, X.clone(), X.clone()), {}, (X, X.clone())) == [{"hidden_state": 1}]


def test_an_argument_that_was_given_is_not_given_again() -> None:
    assert ways_back(Model(), (X, None, X), {"c": X, "flag": True}, (X, X.clone())) == []


def test_what_is_taken_has_all_parts_or_is_none() -> None:
    one, two = X.clone(), X.clone()
    assert taken((X, one, two), {"h": 1, "c": 2}) == {"h": one, "c": two}
    assert taken((X, one, two), {"h": (1, 2)}) == {"h": (one, two)}
    assert taken({"logits": X}, {"h": "h"}) is None


class Switched(nn.Module):
    def forward(self, x: Any, use_cache: bool = False) -> Any:
        return x


class Handing(nn.Module):
    """Hands all else on to an inner model, as its configuration knows."""

    config = type("Config", (), {"use_cache": False})()

    def forward(self, x: Any, **more: Any) -> Any:
        return x


class Open(nn.Module):
    def forward(self, x: Any, **more: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("model", "given", "asked"),
    [
        (Switched(), {}, {"use_cache": True}),
        (Switched(), {"use_cache": False}, {"use_cache": False}),
        (Handing(), {}, {"use_cache": True}),
        (Open(), {}, {}),
        (Model(), {}, {}),
    ],
)
def test_state_is_asked_for_where_there_is_a_switch(model: nn.Module, given: Any, asked: Any) -> None:
    assert asked_for_state(model, given) == asked


def test_modules_hold_buffers_and_attributes_but_no_parameters_and_running_statistics() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2))
    model[1].register_buffer("position", X)
    model[1].cached = {"key": X.clone()}
    model[1].alias = model[1].weight
    assert sorted(held_tensors(model)) == ["1.cached.key", "1.position"]
