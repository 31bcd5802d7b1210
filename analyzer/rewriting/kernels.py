"""Kernels as dense tensors of shape (out, in, *kernel), whatever the layer's groups and direction."""

from __future__ import annotations

from math import prod

import torch
from torch.nn.modules.conv import _ConvNd

from analyzer.values.taps import taps as positions_of_taps


def dense_kernel(layer: _ConvNd) -> torch.Tensor:
    """(out, in, *kernel) with zeros between channels of different groups."""
    stored = layer.weight.detach()
    if layer.groups == 1:
        return stored.transpose(0, 1) if layer.transposed else stored
    dense = stored.new_zeros(layer.out_channels, layer.in_channels, *layer.kernel_size)
    blocks = stored.reshape(layer.groups, -1, *stored.shape[1:])
    for block, (outputs, inputs) in zip(blocks, _groups(layer), strict=True):
        dense[outputs, inputs] = block.transpose(0, 1) if layer.transposed else block
    return dense


def store(layer: _ConvNd, kernel: torch.Tensor, bias: torch.Tensor | None) -> None:
    """Put a dense kernel of (out, in, *kernel) into the layer: what lies between its groups is dropped."""
    blocks = [kernel[outputs, inputs] for outputs, inputs in _groups(layer)]
    stored = torch.cat([block.transpose(0, 1) if layer.transposed else block for block in blocks])
    with torch.no_grad():
        layer.weight.copy_(stored)
        if layer.bias is not None:
            layer.bias.copy_(torch.zeros_like(layer.bias) if bias is None else bias)


def _groups(layer: _ConvNd) -> list[tuple[slice, slice]]:
    """The rows and columns of each group."""
    rows, columns = layer.out_channels // layer.groups, layer.in_channels // layer.groups
    return [
        (slice(group * rows, (group + 1) * rows), slice(group * columns, (group + 1) * columns))
        for group in range(layer.groups)
    ]


def resampled(kernel: torch.Tensor, old: _ConvNd, chain: tuple[_ConvNd, ...]) -> torch.Tensor | None:
    """The kernel at the taps that the chain of layers reads; None when two of them reach along the same axis.

    A tap that only one side has is dropped, or is zero.
    """
    for axis in range(len(old.kernel_size)):
        taps = _taps_of_chain(chain, axis)
        if taps is None:
            return None
        at = {tap: index for index, tap in enumerate(taps_of(old, axis))}
        kept = [(new, at[tap]) for new, tap in enumerate(taps) if tap in at]
        result = kernel.new_zeros(*kernel.shape[: axis + 2], len(taps), *kernel.shape[axis + 3 :])
        if kept:
            new, was = map(list, zip(*kept, strict=True))
            result.index_copy_(axis + 2, torch.tensor(new), kernel.index_select(axis + 2, torch.tensor(was)))
        kernel = result
    return kernel


def taps_of(layer: _ConvNd, axis: int) -> list[int]:
    """Where output 0 reads along the axis."""
    return list(positions_of_taps(layer.kernel_size[axis], layer.dilation[axis], _padding(layer, axis)))


def _padding(layer: _ConvNd, axis: int) -> int:
    """What is padded in front; `same` pads the smaller half there."""
    if layer.padding == "valid":
        return 0
    if layer.padding == "same":
        return layer.dilation[axis] * (layer.kernel_size[axis] - 1) // 2
    return int(layer.padding[axis])


def _taps_of_chain(chain: tuple[_ConvNd, ...], axis: int) -> list[int] | None:
    """Where the one layer that reaches along the axis reads, seen from the chain's input."""
    if sum(layer.kernel_size[axis] > 1 for layer in chain) > 1:
        return None
    taps = [0]
    for position, layer in enumerate(chain):
        # an ordinary layer steps over the input with the strides before it, a transposed one with those after it
        others = chain[position + 1 :] if layer.transposed else chain[:position]
        scale = prod(other.stride[axis] for other in others)
        taps = [tap + scale * own for tap in taps for own in taps_of(layer, axis)]
    return taps
