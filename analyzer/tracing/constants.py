"""Small ranges and masks of ones keep their values on meta tensors, so that a forward can ask what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch

aten = torch.ops.aten
SMALL = 2**18
"""Elements of a range or a mask: of the longest sequences there are."""
MOST_COMPUTED = 2**22
"""Elements of what is computed from them, such as a range of 2048 compared with itself."""


def is_small_constant(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the call, which reads no meta tensor, makes a few integers in a row, a small mask, or a copy of one."""
    dtype = kwargs.get("dtype")
    if func is aten.ones.default:
        return bool(prod(args[0]) <= SMALL)
    if func is aten._to_copy.default:
        return not (args[0].numel() > SMALL or (dtype or args[0].dtype).is_floating_point)
    return func in RANGES and not (dtype is not None and dtype.is_floating_point) and _is_short(*args)


def _is_short(*bounds: Any) -> bool:
    start, end, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    return all(type(bound) is int for bound in (start, end, step)) and abs(end - start) <= SMALL * abs(step)


RANGES = frozenset({aten.arange.default, aten.arange.start, aten.arange.start_step})


def makes_too_much(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether tensors with values, broadcast to each other, have more elements than are worth computing."""
    if prod(tensor.numel() for tensor in tensors) <= MOST_COMPUTED:
        return False
    if any(tensor.numel() > MOST_COMPUTED for tensor in tensors):
        return True
    try:
        return bool(torch.broadcast_shapes(*(tensor.shape for tensor in tensors)).numel() > MOST_COMPUTED)
    except RuntimeError:  # operands that are not broadcast
        return False
