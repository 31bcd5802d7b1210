"""Traces one copy of a model again and again with other layers in it; in between it is as it was."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import nn

from analyzer.loading.loaded_model import LoadedModel
from analyzer.loading.meta_copy import MetaTensors, copy_with, is_plain, tensors_in
from analyzer.tracing.fallbacks import Prepared, trace
from analyzer.tracing.operator_memo import OperatorMemo
from analyzer.tracing.python_state import PythonState
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace

Change = Callable[[nn.Module], AbstractContextManager[nn.Module]]
"""Puts other layers into a module, which stay while the block runs."""


class Retracer:
    """Traces a model that was traced before, and remembers what operators without values do.

    A model of the user's is copied once; one of the analysis's own is used itself.
    """

    def __init__(self, loaded: LoadedModel, memo: OperatorMemo | None = None) -> None:
        self._loaded = loaded
        self._memo = memo or OperatorMemo()

    def trace(self, change: Change, materialize: Callable[[], nn.Module]) -> Trace:
        """The trace with the change made; `materialize` makes the changed module with values, where one is needed.

        Problem when the model cannot be copied, or no backend carries the changed one.
        """
        kept = self._kept if self._kept.python.is_whole else self._copied()
        try:
            with change(kept.module) as module:
                changed = replace(self._loaded, module=module, materialize=materialize, owned=True)
                return trace(changed, known=Prepared(self._memo, kept.python.generators))
        finally:
            kept.give_back()

    @cached_property
    def _kept(self) -> _Kept:
        return _Kept.of(self._loaded.module) if self._loaded.owned else self._copied()

    def _copied(self) -> _Kept:
        try:
            return _Kept.of(copy_with(self._loaded.module, MetaTensors()))
        except Exception as error:  # whatever a user's class raises when it is copied
            raise Problem(f"{self._loaded.name} cannot be copied ({error}), so no advice can be put into it") from error


@dataclass(frozen=True)
class _Kept:
    """A module without values, and what a forward may leave in it."""

    module: nn.Module
    python: PythonState
    tensors: tuple[tuple[torch.Tensor, torch.Tensor, Any], ...]
    """Each tensor with what it was: its data, and whether it is trained and its strides."""

    @classmethod
    def of(cls, module: nn.Module) -> _Kept:
        held = [tensor for tensor in tensors_in(module) if is_plain(tensor)]
        return cls(module, PythonState([module]), tuple((t, t.detach(), _form(t)) for t in held))

    def give_back(self) -> None:
        """The module as it was; values of its tensors are given back by the trace."""
        self.python.give_back()
        for tensor, data, form in self.tensors:
            if _form(tensor) != form:
                tensor.data = data
                tensor.requires_grad_(form[0])


def _form(tensor: torch.Tensor) -> Any:
    return tensor.requires_grad, tensor.dtype, tensor.shape, tensor.stride()
