"""Ask torch's own kernels which data types they take: a small call of the same kind is made with values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from analyzer.tracing.containers import tensors_among

LARGEST = 2**16
"""Elements of an argument; larger ones are not made, and their call is taken to be possible."""
REFUSING = ("not implemented for", "not support", "only support", "only works on", "only applicable", "not intended to")
"""Words of torch's where a kernel does not take a data type; other errors may be those of the zeros it was given."""
_answers: dict[Any, str] = {}


def refuse_data_types(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """RuntimeError, in torch's words, where the CPU has no kernel for these integers, booleans or complex numbers.

    Each kernel is asked once for each combination of data types. Floating numbers are let pass: of those of less than
    32 bits other devices take more than the CPU.
    """
    tensors = tensors_among((args, tuple(kwargs.values())))
    if not tensors or any(tensor.is_floating_point() or not _can_be_made(tensor) for tensor in tensors):
        return
    kind = func, tuple(tensor.dtype for tensor in tensors)
    if kind not in _answers:
        _answers[kind] = _answer(func, args, kwargs)
    if _answers[kind]:
        raise RuntimeError(_answers[kind])


def _can_be_made(tensor: torch.Tensor) -> bool:
    plain = tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_nested
    return plain and tensor.numel() <= LARGEST


def _answer(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """What torch refuses the call with; empty where it does not."""
    try:
        with torch.random.fork_rng(devices=()):
            func(*_with_values(args), **{name: _with_values(value) for name, value in kwargs.items()})
    except Exception as error:  # whatever a kernel makes of zeros
        words = str(error).strip().partition("\n")[0]
        return words if any(part in words for part in REFUSING) else ""
    return ""


def _with_values(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return torch.zeros(value.shape, dtype=value.dtype)
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return type(value)(map(_with_values, value)) if type(value) in (list, tuple) else value
