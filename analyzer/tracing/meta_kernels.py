"""Shapes of common operators on meta tensors, without torch's Python references.

Those references import torch._dynamo on first use (1.3 s, 145 MB) and take 100 µs a call. Every rule here gives what
they give (shape, strides, dtype; a test compares them) or None, and then the reference runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from analyzer.tracing.composites import SHAPES

aten = torch.ops.aten
Shortcut = Callable[..., Any]


def _like(x: Any, *_: Any, **options: Any) -> torch.Tensor | None:
    """Elementwise on one floating tensor: the same shape, strides and dtype."""
    if not x.is_floating_point() or any(isinstance(value, torch.Tensor) for value in options.values()):
        return None
    return torch.empty_like(x)


def _binary(x: Any, y: Any, **options: Any) -> torch.Tensor | None:
    """Arithmetic of a floating tensor with a number, or of two of one dtype and plain layout, broadcast."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        return None
    if isinstance(y, bool | int | float):
        return torch.empty_like(x)
    if not isinstance(y, torch.Tensor) or y.dtype is not x.dtype:
        return None
    if x.shape == y.shape and x.stride() == y.stride():
        return torch.empty_like(x)
    return _broadcast(x, y, x.dtype)


def _comparison(x: Any, y: Any) -> torch.Tensor | None:
    """Comparison with a number: booleans in the layout of x."""
    if not isinstance(x, torch.Tensor) or isinstance(y, torch.Tensor):
        return None
    return torch.empty_like(x, dtype=torch.bool)


def _broadcast(x: torch.Tensor, y: torch.Tensor, dtype: torch.dtype) -> torch.Tensor | None:
    if not (x.is_contiguous() and y.is_contiguous()) or 0 in (x.dim(), y.dim()):
        return None
    try:
        shape = torch.broadcast_shapes(x.shape, y.shape)
    except RuntimeError:
        return None  # let the reference say what does not fit
    return x.new_empty(shape, dtype=dtype)


def _inplace_unary(x: Any, *_: Any, **__: Any) -> torch.Tensor | None:
    return x if x.is_floating_point() else None


def _inplace_binary(x: Any, y: Any, **_: Any) -> torch.Tensor | None:
    if not x.is_floating_point():
        return None
    if isinstance(y, bool | int | float):
        return x  # type: ignore[no-any-return]
    fits = isinstance(y, torch.Tensor) and y.dtype is x.dtype and y.shape == x.shape
    return x if fits else None


def _batch_norm(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, *_: Any
) -> tuple[torch.Tensor, ...] | None:
    """Statistics of C values are returned in training only."""
    channels = x.shape[1] if x.dim() > 1 else -1
    if any(tensor is not None and tensor.shape != (channels,) for tensor in (weight, bias, running_mean, running_var)):
        return None
    if weight is None or weight.dtype is not x.dtype:
        return None
    statistics = [x.new_empty(channels if training else 0) for _ in range(2)]
    return torch.empty_like(x), *statistics


def _batch_norm_inference(x: Any, weight: Any, bias: Any, mean: Any, var: Any, *_: Any) -> Any:
    return _batch_norm(x, weight, bias, mean, var, False)


def _layer_norm(x: Any, normalized_shape: Any, weight: Any, bias: Any, *_: Any) -> tuple[torch.Tensor, ...] | None:
    """Statistics keep the leading axes, the normalized ones become 1."""
    axes = len(normalized_shape)
    if tuple(x.shape[-axes:]) != tuple(normalized_shape) or not x.is_contiguous() or x.dtype is not torch.float32:
        return None
    if any(tensor is not None and tuple(tensor.shape) != tuple(normalized_shape) for tensor in (weight, bias)):
        return None
    statistics = [x.new_empty((*x.shape[:-axes], *(1,) * axes)) for _ in range(2)]
    return x.new_empty(x.shape), *statistics


def _group_norm(x: Any, weight: Any, bias: Any, n: int, c: int, hxw: int, group: int, *_: Any) -> Any:
    """Statistics are (N, groups)."""
    if not x.is_contiguous() or x.dtype is not torch.float32 or x.numel() != n * c * hxw:
        return None
    return x.new_empty(x.shape), x.new_empty((n, group)), x.new_empty((n, group))


def _addmm(bias: Any, x: Any, weight: Any, **_: Any) -> Any:
    """(M, K) × (K, N) + bias (N) -> (M, N)."""
    fits = x.dim() == weight.dim() == 2 and x.shape[1] == weight.shape[0] and bias.shape == (weight.shape[1],)
    if not fits or not x.dtype is weight.dtype is bias.dtype:
        return None
    return x.new_empty((x.shape[0], weight.shape[1]))


def _mean(x: Any, dim: Any, keepdim: bool = False, **options: Any) -> Any:
    """Reduced axes vanish or become 1."""
    if not dim or not x.is_contiguous() or not x.is_floating_point() or options:
        return None
    if any(not -x.dim() <= axis < x.dim() for axis in dim):
        return None
    axes = {axis % x.dim() for axis in dim}
    sizes = [1 if axis in axes else size for axis, size in enumerate(x.shape) if keepdim or axis not in axes]
    return x.new_empty(sizes)


def _cat(tensors: Any, dim: int = 0) -> Any:
    """Contiguous tensors of one dtype and rank, sizes summed along `dim`."""
    first = tensors[0]
    if not -first.dim() <= dim < first.dim():
        return None
    axis = dim % first.dim()
    for tensor in tensors:
        same = tensor.dtype is first.dtype and tensor.dim() == first.dim() > 0 and tensor.is_contiguous()
        if not same or any(a != b for i, (a, b) in enumerate(zip(tensor.shape, first.shape, strict=True)) if i != axis):
            return None
    sizes = list(first.shape)
    sizes[axis] = sum(tensor.shape[axis] for tensor in tensors)
    return first.new_empty(sizes)


def _grouped_mm(x: Any, weight: Any, offs: Any = None, bias: Any = None, out_dtype: Any = None) -> Any:
    """(S, K) × (G, K, N), rows in G groups -> (S, N), and as its gradient (K, S) × (S, N), S in groups -> (G, K, N).

    torch's own rule refuses float32, which the CPU takes.
    """
    if x.dim() != 2 or weight.dim() not in (2, 3) or x.shape[1] != weight.shape[-2] or bias is not None:
        return None
    if offs is None or offs.dim() != 1 or x.dtype is not weight.dtype:
        return None
    if weight.dim() == 2:
        return x.new_empty((offs.shape[0], x.shape[0], weight.shape[1]), dtype=out_dtype or x.dtype)
    if offs.shape != weight.shape[:1]:
        return None
    return x.new_empty((x.shape[0], weight.shape[2]), dtype=out_dtype or x.dtype)


UNARY = (
    "abs cos elu erf exp gelu hardsigmoid hardswish hardtanh leaky_relu log mish neg reciprocal relu relu6 rsqrt"
    " sigmoid silu sin softplus sqrt square tanh"
)
BINARY = "add.Tensor sub.Tensor mul.Tensor div.Tensor mul.Scalar div.Scalar add.Scalar sub.Scalar"
COMPARISON = "eq.Scalar ne.Scalar lt.Scalar le.Scalar gt.Scalar ge.Scalar"


def _overload(name: str) -> Any:
    packet, _, overload = name.partition(".")
    return getattr(getattr(aten, packet), overload or "default")


SHORTCUTS: Mapping[Any, Shortcut] = {
    **SHAPES,
    aten.native_batch_norm.default: _batch_norm,
    aten._native_batch_norm_legit_no_training.default: _batch_norm_inference,
    aten._native_batch_norm_legit.default: _batch_norm,
    aten.native_layer_norm.default: _layer_norm,
    aten.native_group_norm.default: _group_norm,
    aten.addmm.default: _addmm,
    aten.mean.dim: _mean,
    aten.cat.default: _cat,
    aten._grouped_mm.default: _grouped_mm,
    aten.pow.Tensor_Scalar: _like,
    aten.clamp.default: _like,
    **{_overload(name): _like for name in UNARY.split()},
    **{_overload(f"{name}_"): _inplace_unary for name in UNARY.split() if hasattr(aten, f"{name}_")},
    **{_overload(name): _binary for name in BINARY.split()},
    **{_overload(name.replace(".", "_.")): _inplace_binary for name in BINARY.split()},
    **{_overload(name): _comparison for name in COMPARISON.split()},
}
