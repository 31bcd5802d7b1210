"""What torch refuses of an operator's numbers: data types that do not fit, and tensors without elements."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.loading.loaded_model import dtype_name


def refuse_mixed(*args: Any, **_: Any) -> None:
    """The factors of a matrix product, like other pairs that one kernel reads, are of one dtype."""
    dtypes = [value.dtype for value in args if isinstance(value, torch.Tensor)]
    if len(set(dtypes)) > 1:
        names = " != ".join(map(dtype_name, dtypes))
        raise RuntimeError(f"expected all factors to have the same dtype, but got: {names}")


def refuse_norm(x: Any, *args: Any, **_: Any) -> None:
    """A norm's weights and statistics have its input's dtype; beside half precision they may be float32."""
    refuse_whole_numbers(x)
    allowed = (x.dtype, torch.float32) if x.dtype in (torch.float16, torch.bfloat16) else (x.dtype,)
    for value in args:
        if isinstance(value, torch.Tensor) and value.dtype not in allowed:
            raise RuntimeError(
                f"mixed dtype: expected parameters of {dtype_name(x.dtype)}, but got {dtype_name(value.dtype)}"
            )


def refuse_whole_numbers(x: Any, *_: Any, **__: Any) -> None:
    """Kernels that are written for floating numbers alone."""
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(f"not implemented for {dtype_name(x.dtype)}")


def refuse_softmax(x: Any, dim: int, *_: Any, **__: Any) -> None:
    refuse_whole_numbers(x)
    rank = max(x.dim(), 1)
    if not -rank <= dim < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")


def refuse_resampling(x: Any, *_: Any, **__: Any) -> None:
    """Images of bytes are resampled too."""
    if x.dtype is not torch.uint8:
        refuse_whole_numbers(x)


def refuse_fractions(*args: Any, **_: Any) -> None:
    """Bits, divisors and classes are those of whole numbers and booleans."""
    for value in args:
        if isinstance(value, float) or (isinstance(value, torch.Tensor) and value.is_floating_point()):
            raise RuntimeError("not implemented for floating numbers, only for integers")


def refuse_result(x: Any, other: Any, **_: Any) -> None:
    """What is computed in place has to fit the dtype of what is written to."""
    result = torch.result_type(x, other)
    if not torch.can_cast(result, x.dtype):
        names = f"{dtype_name(result)} can't be cast to the desired output type {dtype_name(x.dtype)}"
        raise RuntimeError(f"result type {names}")


def refuse_quotient(x: Any, other: Any, **options: Any) -> None:
    if options.get("rounding_mode") is None and not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(f"result type float can't be cast to the desired output type {dtype_name(x.dtype)}")
    refuse_result(x, other)


def refuse_negative_power(x: Any, exponent: Any) -> None:
    whole = isinstance(x, torch.Tensor) and not (x.is_floating_point() or x.is_complex() or x.dtype is torch.bool)
    if whole and isinstance(exponent, int) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")


def refuse_classes(_: Any, target: Any, *__: Any, **___: Any) -> None:
    if target.dtype not in (torch.int64, torch.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {dtype_name(target.dtype)}")


def refuse_index(x: Any, _: int, index: Any, source: Any = None, **__: Any) -> None:
    if index.dtype not in (torch.int32, torch.int64):
        raise RuntimeError(f"Expected dtype int32 or int64 for index, but got {dtype_name(index.dtype)}")
    if source is not None:
        refuse_source(x, None, source)


def refuse_source(x: Any, _: Any, source: Any, *__: Any, **___: Any) -> None:
    """What is put at indices has the dtype of where it is put."""
    if isinstance(source, torch.Tensor) and source.dtype is not x.dtype:
        raise RuntimeError(
            f"source and destination dtypes must match, got {dtype_name(source.dtype)} for {dtype_name(x.dtype)}"
        )


def refuse_complex(x: Any, *_: Any, **__: Any) -> None:
    if x.is_complex():
        raise RuntimeError("not supported for complex types")


def refuse_boolean(x: Any, *_: Any, **__: Any) -> None:
    if x.dtype is torch.bool:
        raise RuntimeError("Boolean inputs not supported")
    refuse_complex(x)


def refuse_nothing(x: Any, dim: Any = None, *_: Any, **__: Any) -> None:
    """Of no elements none is the largest, the smallest or in the middle."""
    if dim is None and not x.numel():
        raise RuntimeError("Expected reduction dim to be specified for input.numel() == 0")
    if isinstance(dim, int) and x.dim() and not x.shape[dim]:
        raise IndexError(f"Expected reduction dim {dim} to have non-zero size.")


def refuse_filling(_: Any, __: Any, index: Any, *___: Any) -> None:
    if index.dtype is not torch.int64:
        raise IndexError(f"Expected dtype int64 for index, but got {dtype_name(index.dtype)}")


def refuse_boundaries(_: Any, boundaries: Any, **__: Any) -> None:
    if boundaries.dim() != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.dim()})")


def refuse_all_but_float(x: Any, *_: Any, **__: Any) -> None:
    if x.dtype is not torch.float32:
        raise RuntimeError(f"Quantize only works on Float Tensor, got {dtype_name(x.dtype)}")


def refuse_half(x: Any, *_: Any, **__: Any) -> None:
    """Linear algebra has no kernels for less than 32 bits, nor have Fourier transforms on the CPU."""
    if x.dtype in (torch.float16, torch.bfloat16, torch.complex32):
        raise RuntimeError(f"not implemented for {dtype_name(x.dtype)}")
