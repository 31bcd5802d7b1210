"""Ask torch's own kernels which data types they take: a small call of the same kind is made with values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from analyzer.tracing.containers import tensors_among

LARGEST = 2**16
"""Elements of an argument that is made as it is."""
SIDE = 8
"""Of a call with a larger one every axis is cut to this; where that does not fit, the call is taken to be possible."""
REFUSING = ("not implemented for", "not support", "only support", "only works on", "only applicable", "not intended to")
"""Words of torch's where a kernel does not take a data type; other errors may be those of the zeros it was given."""
_answers: dict[Any, str] = {}


def refuse_data_types(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """RuntimeError, in torch's words, where the CPU has no kernel for these data types.

    Each kernel is asked once for each combination of them; not where some are floating numbers of 32 bits or more,
    which kernels take.
    """
    tensors = tensors_among((args, tuple(kwargs.values())))
    if not tensors or any(_is_usual(tensor) or not _can_be_made(tensor) for tensor in tensors):
        return
    most = SIDE if _is_large(tensors) else LARGEST
    kind = func, most, tuple(tensor.dtype for tensor in tensors)
    if kind not in _answers:
        _answers[kind] = _answer(func, args, kwargs, most)
    if _answers[kind]:
        raise RuntimeError(_answers[kind])


def _is_usual(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and tensor.element_size() >= 4


def _is_large(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether one of them, or what all are broadcast to, is more than is made."""
    if any(tensor.numel() > LARGEST for tensor in tensors):
        return True
    try:
        return bool(torch.broadcast_shapes(*(tensor.shape for tensor in tensors)).numel() > LARGEST)
    except RuntimeError:  # they are not broadcast to each other
        return False


def _can_be_made(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_nested


def _answer(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], most: int) -> str:
    """What torch refuses the call with, its axes cut to so many positions; empty where it does not."""
    try:
        with torch.random.fork_rng(devices=()):
            func(*_with_values(args, most), **{name: _with_values(value, most) for name, value in kwargs.items()})
    except Exception as error:  # whatever a kernel makes of zeros
        words = str(error).strip().partition("\n")[0]
        return words if any(part in words for part in REFUSING) else ""
    return ""


def _with_values(value: Any, most: int) -> Any:
    if isinstance(value, torch.Tensor):
        return torch.zeros([min(size, most) for size in value.shape], dtype=value.dtype)
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return type(value)(_with_values(item, most) for item in value) if type(value) in (list, tuple) else value
