"""Deep copies of modules, those included that hold tensors which torch has computed and will not copy."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from analyzer.loading.meta_copy import tensors_in

Module = TypeVar("Module", bound=nn.Module)


def copied(module: Module) -> Module:
    """A deep copy; a computed tensor, as weight normalization by a hook leaves one, is copied as a value."""
    return copy.deepcopy(module, _computed(module))


def with_own_state(module: Module) -> Module:
    """A copy that shares the parameters, which a forward reads, but not buffers and attributes, which it may write."""
    return copy.deepcopy(module, {id(parameter): parameter for parameter in module.parameters()} | _computed(module))


def _computed(module: nn.Module) -> dict[int, torch.Tensor]:
    return {id(tensor): tensor.detach().clone() for tensor in tensors_in(module) if not tensor.is_leaf}
