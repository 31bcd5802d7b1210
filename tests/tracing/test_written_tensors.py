"""Tensors that were there before are as they were, wherever a write came from; new ones are not copied."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from analyzer.tracing.backends import run_plainly
from analyzer.tracing.written_tensors import WrittenTensors


class Followed(TorchDispatchMode):
    def __init__(self, *own: torch.Tensor) -> None:
        super().__init__()
        self.written = WrittenTensors(own)
        self.run = self.written.following(run_plainly)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(func, args, kwargs or {})


def view(x: torch.Tensor) -> None:
    for row in x:
        row.add_(1)


WRITES: dict[str, Callable[[torch.Tensor], Any]] = {
    "in place": lambda x: x.add_(1),
    "out": lambda x: torch.add(x, 1, out=x),
    "through views": view,
    "by index": lambda x: x.__setitem__(0, 5),
    "grown": lambda x: x.resize_(40),
    "other memory": lambda x: x.set_(torch.ones(7)),
    "transposed": lambda x: x.t_(),
    "many at once": lambda x: torch._foreach_add_([x, torch.ones(2)], 1),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_given_back(write: Callable[[torch.Tensor], Any]) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    expected, storage = x.tolist(), x.untyped_storage().data_ptr()
    with Followed() as mode, torch.no_grad():
        write(x)
    assert x.tolist() != expected
    mode.written.give_back()
    assert (x.tolist(), x.stride(), x._version) == (expected, (3, 1), 0)
    assert storage == x.untyped_storage().data_ptr() or write is WRITES["grown"]


def test_inference_tensors() -> None:
    with torch.inference_mode():
        x = torch.ones(2)
        with Followed() as mode:
            x.add_(1)
    mode.written.give_back()
    assert x.tolist() == [1, 1]


def test_what_the_forward_made_or_owns_is_not_copied() -> None:
    own = torch.ones(2)
    with Followed(own) as mode:
        made = torch.ones(2)
        made[0].add_(1)
        own.add_(1)
    assert (mode.written._kept, mode.written._memory) == ({}, {})
    mode.written.give_back()
    assert (made.tolist(), own.tolist()) == ([2, 1], [2, 2])


def test_a_tensor_is_copied_once_whatever_the_number_of_writes() -> None:
    x = torch.ones(3, 2)
    with Followed() as mode:
        view(x), view(x)
    assert len(mode.written._memory) == 1
