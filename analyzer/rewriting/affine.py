"""Exact arithmetic on layers that follow each other: products of convolutions and normalizations in eval mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from analyzer.rewriting.kernels import dense_kernel, resampled, taps_of
from analyzer.values.errors import Problem

Affine = tuple[torch.Tensor, torch.Tensor]
"""Kernel (out, in, *kernel) and bias (out,), in double precision."""


def composed(layers: Sequence[nn.Module]) -> Affine:
    """One convolution that does what these layers do one after the other; Problem where no convolution does."""
    first, *rest = layers
    if not isinstance(first, _ConvNd):
        raise Problem("layers can only be merged into the convolution that comes first of them; list it first")
    kernel, bias = _affine(first)
    for layer in rest:
        kernel, bias = _then_norm(kernel, bias, layer) if isinstance(layer, _BatchNorm) else _then(kernel, bias, layer)
    return kernel, bias


def summed(branches: Iterable[Sequence[nn.Module]], total: _ConvNd) -> Affine:
    """What parallel branches do together, as kernel and bias of the convolution `total`, whose taps theirs are among.

    A branch without a convolution normalizes its input: a kernel with ones at the tap that reads where it writes.
    """
    kernel = torch.zeros_like(dense_kernel(total), dtype=torch.double)
    bias = kernel.new_zeros(total.out_channels)
    for branch in branches:
        first = branch[0]
        own, shift = composed(branch) if isinstance(first, _ConvNd) else _normalized(branch, total)
        placed = resampled(own, first, (total,)) if isinstance(first, _ConvNd) else own
        if placed is None:
            raise Problem("branches whose taps do not meet cannot be added up; leave them as they are")
        kernel, bias = kernel + placed, bias + shift
    return kernel, bias


def _normalized(norms: Sequence[nn.Module], total: _ConvNd) -> Affine:
    kernel = torch.zeros_like(dense_kernel(total), dtype=torch.double)
    flat = kernel.reshape(total.out_channels, total.in_channels, -1)
    centre = [taps_of(total, axis).index(0) for axis in range(kernel.dim() - 2)]
    flat[:, :, _place(centre, kernel.shape[2:])] = torch.eye(
        total.out_channels, dtype=kernel.dtype, device=kernel.device
    )
    kernel = flat.reshape(kernel.shape)
    bias = kernel.new_zeros(total.out_channels)
    for norm in norms:
        assert isinstance(norm, _BatchNorm)
        kernel, bias = _then_norm(kernel, bias, norm)
    return kernel, bias


def _place(indices: Sequence[int], sizes: Sequence[int]) -> int:
    """The place of an element when all axes are laid out in one row."""
    place = 0
    for index, size in zip(indices, sizes, strict=True):
        place = place * size + index
    return place


def _affine(layer: _ConvNd) -> Affine:
    kernel = dense_kernel(layer).double()
    bias = kernel.new_zeros(layer.out_channels) if layer.bias is None else layer.bias.detach().double()
    return kernel, bias


def _then(kernel: torch.Tensor, bias: torch.Tensor, layer: nn.Module) -> Affine:
    """W = W2 W1 and b = W2 b1 + b2, where one of the two is pointwise; a bias must not meet padding after it."""
    if not isinstance(layer, _ConvNd):
        raise Problem(f"{type(layer).__name__} cannot be merged into a convolution; leave it out of the proposal")
    after, own = _affine(layer)
    if after[0, 0].numel() > 1 and (kernel[0, 0].numel() > 1 or (_pads(layer) and bool(bias.any()))):
        raise Problem("two convolutions can only be merged where one of them is pointwise; leave them as they are")
    outputs, middle, *taps = after.shape
    inputs, *before = kernel.shape[1:]
    product = torch.einsum("omk,mil->oikl", after.reshape(outputs, middle, -1), kernel.reshape(middle, inputs, -1))
    sizes = taps if after[0, 0].numel() > 1 else before
    return product.reshape(outputs, inputs, *sizes), after.sum(dim=tuple(range(2, after.dim()))) @ bias + own


def _pads(layer: _ConvNd) -> bool:
    return layer.padding == "same" or (layer.padding != "valid" and any(layer.padding))


def _then_norm(kernel: torch.Tensor, bias: torch.Tensor, norm: _BatchNorm) -> Affine:
    """(x - mean) / sqrt(var + eps) · weight + bias, per output channel."""
    if norm.running_mean is None or norm.running_var is None:
        raise Problem("a normalization without running statistics cannot be folded; leave it out of the proposal")
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    scale = scale if norm.weight is None else scale * norm.weight.detach().double()
    shift = 0.0 if norm.bias is None else norm.bias.detach().double()
    return kernel * _per_output(scale, kernel), (bias - norm.running_mean.double()) * scale + shift


def _per_output(values: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, *(1,) * (kernel.dim() - 1))


def without_bias(old: Sequence[nn.Module], new: Sequence[nn.Module]) -> bool:
    """The same layers, but what a convolution loses as bias is taken off the mean that its normalization subtracts.

    With batch statistics instead of running ones the bias cancels by itself.
    """
    lost: torch.Tensor | None = None
    for before, after in zip(old, new, strict=True):
        after.load_state_dict(before.state_dict(), strict=False)
        if isinstance(before, _ConvNd):
            lost = before.bias.detach() if before.bias is not None and after.bias is None else None
        elif isinstance(after, _BatchNorm) and after.running_mean is not None and lost is not None:
            after.running_mean.copy_((after.running_mean.double() - lost.double()).to(after.running_mean.dtype))
            lost = None
    return lost is None
