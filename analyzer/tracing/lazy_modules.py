"""Lazy layers get their shapes from a forward of a copy, so that the counted forward is the model's first."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from analyzer.loading.meta_copy import copy_with


def settle(module: nn.Module, args: Any, kwargs: Any) -> None:
    """Make every lazy layer of the module what the first forward makes of it; the rest stays as it is."""
    lazy = {path: layer for path, layer in module.named_modules() if _is_lazy(layer)}
    if not lazy:
        return
    copied = copy_with(module, lambda tensor: tensor.detach().clone())
    with torch.no_grad():
        copied(*args, **kwargs)
    settled = dict(copied.named_modules())
    for path, layer in lazy.items():
        layer.__class__ = type(settled[path])
        vars(layer).clear()
        vars(layer).update(vars(settled[path]))


def _is_lazy(layer: nn.Module) -> bool:
    own = (*layer._parameters.values(), *layer._buffers.values())
    return isinstance(layer, LazyModuleMixin) or any(tensor is not None and is_lazy(tensor) for tensor in own)
