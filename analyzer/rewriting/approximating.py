"""The chain of convolutions nearest to one convolution: truncated singular value decompositions, one split at a time.

Splitting a grouped layer off is a decomposition of each group on its own (Eckart and Young 1936): for a depthwise layer
the first term of every channel; for a spatial or channel split that of the whole kernel; two splits give Tucker-2.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from analyzer.rewriting.kernels import resampled, store

TINY = 1e-150
"""Keeps a term of size zero from being divided by zero."""

Factors = tuple[torch.Tensor, torch.Tensor]


def approximate(kernel: torch.Tensor, bias: torch.Tensor | None, old: _ConvNd, chain: tuple[_ConvNd, ...]) -> bool:
    """Fill the chain so that it comes nearest to the kernel (out, in, *kernel); False when no way is known.

    The bias goes to the last layer that has one.
    """
    wanted = resampled(kernel, old, chain)
    if wanted is None:
        return False
    kernels = _split(wanted.double(), chain)
    if kernels is None:
        return False
    owner = max((index for index, layer in enumerate(chain) if layer.bias is not None), default=-1)
    for index, (layer, part) in enumerate(zip(chain, kernels, strict=True)):
        store(layer, part, bias if index == owner and layer.out_channels == len(kernel) else None)
    return True


def factor_linear(old: nn.Linear, pair: nn.Sequential) -> bool:
    """Fill two linear layers in a row so that they come nearest to one; False when the pair is another one."""
    layers = [layer for layer in pair if isinstance(layer, nn.Linear)]
    if len(layers) != 2 or len(pair) != 2:
        return False
    entry, leave = layers
    left, right = _leading_terms(old.weight.detach().double()[None], min(entry.out_features, *old.weight.shape))
    with torch.no_grad():
        for weight, part in ((entry.weight, right[0]), (leave.weight, left[0])):
            weight.zero_()
            weight[: part.shape[0], : part.shape[1]].copy_(part)
        if leave.bias is not None:
            leave.bias.copy_(torch.zeros_like(leave.bias) if old.bias is None else old.bias)
    return True


def _split(kernel: torch.Tensor, chain: tuple[_ConvNd, ...]) -> list[torch.Tensor] | None:
    """A dense kernel for each layer; None when two neighbours are grouped, which no one split serves."""
    if len(chain) == 1:
        return [kernel]
    first, last = chain[0], chain[-1]
    if last.groups == 1:
        part, remainder = _split_off(kernel, first.groups, chain[1].in_channels, first.kernel_size)
        rest = _split(remainder, chain[1:])
        return None if rest is None else [part, *rest]
    if len(chain) > 2 or first.groups != 1:
        return None
    # the mirror image: outputs take the place of inputs
    part, remainder = _split_off(kernel.transpose(0, 1), last.groups, last.in_channels, last.kernel_size)
    return [remainder.transpose(0, 1), part.transpose(0, 1)]


def _split_off(kernel: torch.Tensor, groups: int, middle: int, own: tuple[int, ...]) -> Factors:
    """Parts (middle, in, *own) and (out, middle, *rest) whose product is nearest to the kernel (out, in, *all).

    The first part reads its inputs in groups, so each group has its own decomposition of middle / groups terms.
    """
    outputs, inputs, *sizes = kernel.shape
    rest = [1 if mine > 1 else size for mine, size in zip(own, sizes, strict=True)]
    sides = [1 if size > 1 and mine == 1 else size for mine, size in zip(own, sizes, strict=True)]
    # (groups, in / groups × own taps, out × other taps); along each axis one of the two is a single tap
    matrices = _separated(kernel, sides, rest).reshape(groups, inputs // groups * _numel(sides), -1)
    left, right = _leading_terms(matrices, min(middle // groups, *matrices.shape[1:]))
    part, other = _padded(left.mT, middle // groups), _padded(right, middle // groups)
    return _first(part, groups, inputs, sides), _second(other, middle, outputs, rest)


def _leading_terms(matrices: torch.Tensor, terms: int) -> Factors:
    """The first singular terms of matrices (batch, m, n) as (batch, m, terms) and (batch, terms, n), equally large.

    By the eigenvectors U of M Mᵀ on the shorter side, M ≈ U (Uᵀ M): far faster than a decomposition of M itself, which
    matters for nine taps by hundreds of channels.
    """
    if matrices.shape[1] > matrices.shape[2]:
        right, left = _leading_terms(matrices.mT, terms)
        return left.mT, right.mT
    vectors = torch.linalg.eigh(matrices @ matrices.mT).eigenvectors[:, :, -terms:].flip(2)
    projected = vectors.mT @ matrices
    root = projected.norm(dim=2).sqrt()
    return vectors * root[:, None], projected / root.clamp_min(TINY)[:, :, None]


def _separated(kernel: torch.Tensor, own: list[int], rest: list[int]) -> torch.Tensor:
    """(in, own taps, out, other taps)."""
    outputs, inputs, *sizes = kernel.shape
    mine = [axis + 2 for axis, size in enumerate(own) if size > 1]
    others = [axis + 2 for axis in range(len(sizes)) if axis + 2 not in mine]
    return kernel.permute(1, *mine, 0, *others).reshape(inputs, _numel(own), outputs, _numel(rest))


def _padded(part: torch.Tensor, terms: int) -> torch.Tensor:
    """With rows of zeros where more terms are asked for than there are."""
    return torch.nn.functional.pad(part, (0, 0, 0, terms - part.shape[1]))


def _first(part: torch.Tensor, groups: int, inputs: int, own: list[int]) -> torch.Tensor:
    """(groups, terms, in / groups × taps) as a dense kernel (middle, in, *own)."""
    terms, columns = part.shape[1], inputs // groups
    dense = part.new_zeros(groups, terms, groups, columns, _numel(own))
    for group in range(groups):
        dense[group, :, group] = part[group].reshape(terms, columns, -1)
    return dense.reshape(groups * terms, inputs, *own)


def _second(other: torch.Tensor, middle: int, outputs: int, rest: list[int]) -> torch.Tensor:
    """(groups, terms, out × taps) as a kernel (out, middle, *rest)."""
    return other.reshape(middle, outputs, *rest).transpose(0, 1)


def _numel(sizes: list[int]) -> int:
    return int(torch.Size(sizes).numel())
