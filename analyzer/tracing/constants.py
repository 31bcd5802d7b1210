"""Small ranges and masks of ones keep their values on meta tensors, so that a forward can ask what is in them."""

from __future__ import annotations

from math import prod
from typing import Any

import torch

aten = torch.ops.aten
SMALL = 2048
"""Elements; comparing a range of so many with itself makes 4 million."""


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
