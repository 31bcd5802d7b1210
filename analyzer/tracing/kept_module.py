"""A module without values as it was before a forward, which can be given back again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from analyzer.loading.meta_copy import is_plain, tensors_in
from analyzer.tracing.python_state import PythonState


@dataclass(frozen=True)
class KeptModule:
    """A module without values, and what a forward may leave in it."""

    module: nn.Module
    python: PythonState
    tensors: tuple[tuple[torch.Tensor, torch.Tensor, Any], ...]
    """Each tensor with what it was: its data, and whether it is trained and its strides."""

    @classmethod
    def of(cls, module: nn.Module) -> KeptModule:
        """The module as it is now."""
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
