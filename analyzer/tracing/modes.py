"""The modes of torch on this thread's stacks: set aside for a trace, carried to another thread, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import overrides
from torch.utils import _python_dispatch as dispatch


@dataclass(frozen=True)
class Modes:
    """Dispatch modes and function modes, outermost first."""

    dispatch: tuple[Any, ...]
    function: tuple[Any, ...]

    def push(self) -> None:
        """Put them on this thread's stacks."""
        for mode in self.dispatch:
            dispatch._push_mode(mode)
        for mode in self.function:
            overrides._push_mode(mode)


def entered() -> Modes:
    """What is on this thread's stacks."""
    places = range(torch._C._len_torch_function_stack())
    functions = tuple(torch._C._get_function_stack_at(place) for place in places)
    return Modes(tuple(dispatch._get_current_dispatch_mode_stack()), functions)


@contextmanager
def only(modes: Modes) -> Iterator[None]:
    """These modes alone while the block runs; afterwards those that were there before, whatever it left behind."""
    before = entered()
    _clear()
    modes.push()
    try:
        yield
    finally:
        _clear()
        before.push()


def _clear() -> None:
    while torch._C._len_torch_dispatch_stack():
        dispatch._pop_mode()
    while torch._C._len_torch_function_stack():
        overrides._pop_mode()


NONE = Modes((), ())
