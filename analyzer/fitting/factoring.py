"""The weights that bring each kind of replacement nearest to the wanted outputs, given what the layer reads.

All kinds are linear in the same patches, so one set of averages serves them all. The first factor comes from a singular
value decomposition in the metric of the inputs (Zhang et al. 2016, "Accelerating Very Deep Convolutional Networks"),
the second from least squares given the first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from analyzer.fitting.layer_target import Factors, LayerTarget, leading, roots, solve


def of_outputs(target: LayerTarget, rank: int) -> Factors:
    """k×k to the principal components of the outputs, then 1×1 back; exact optimum of reduced-rank regression."""
    response = target.response * target.scale
    basis = torch.linalg.eigh(target.scaled.T @ response).eigenvectors[:, -rank:]
    first, second = target.scaled @ basis, basis.T / target.scale
    kept = target.scaled - first @ basis.T
    left = (kept * (response - response @ basis @ basis.T)).sum(0) / target.scale.square()
    ones = (1,) * len(target.kernel)
    weights = (first.T.reshape(rank, target.channels, *target.kernel), second.T.reshape(-1, rank, *ones))
    return Factors(weights, target.averages.read @ first @ second, left.clamp_min(0) + target.unreached)


def of_inputs(target: LayerTarget, rank: int) -> Factors:
    """1×1 to r channels, then k×k."""
    root, inverse = target.channel_metric
    first = inverse @ leading(root @ target.scaled.reshape(target.channels, -1), rank)
    gram = torch.einsum("cr,ctds,dq->rtqs", first, target.blocks, first).flatten(2).flatten(0, 1)
    cross = torch.einsum("cr,cto->rto", first, target.response.reshape(target.channels, target.taps, -1)).flatten(0, 1)
    mean = torch.einsum("cr,ct->rt", first, target.averages.read.reshape(target.channels, -1)).flatten()
    ones = (1,) * len(target.kernel)
    return target.solved(
        gram,
        cross,
        mean,
        lambda second: (first.T.reshape(rank, -1, *ones), second.T.reshape(-1, rank, *target.kernel)),
    )


def spatial(target: LayerTarget, rank: int) -> Factors:
    """k×1 to r channels, then 1×k."""
    high, wide = target.kernel
    channels, outputs = target.channels, target.outputs
    blocks = target.averages.gram.reshape(channels * high, wide, channels * high, wide)
    root, inverse = roots(torch.einsum("atbt->ab", blocks) / wide)
    first = inverse @ leading(root @ target.scaled.reshape(channels * high, wide * outputs), rank)
    gram = torch.einsum("ar,atbs,bq->rtqs", first, blocks, first).flatten(2).flatten(0, 1)
    cross = torch.einsum("ar,ato->rto", first, target.response.reshape(channels * high, wide, outputs)).flatten(0, 1)
    mean = torch.einsum("ar,at->rt", first, target.averages.read.reshape(channels * high, wide)).flatten()
    return target.solved(
        gram,
        cross,
        mean,
        lambda second: (first.T.reshape(rank, channels, high, 1), second.T.reshape(outputs, rank, 1, wide)),
    )


def depthwise_first(target: LayerTarget, kernels: int) -> Factors:
    """Several spatial kernels for each input channel, then 1×1."""
    channels, taps = target.channels, target.taps
    own = target.blocks.diagonal(dim1=0, dim2=2).permute(2, 0, 1)
    root, inverse = roots(own)
    first = inverse @ leading(root @ target.scaled.reshape(channels, taps, -1), kernels)
    gram = torch.einsum("ctk,ctds,dsl->ckdl", first, target.blocks, first).flatten(2).flatten(0, 1)
    cross = torch.einsum("ctk,cto->cko", first, target.response.reshape(channels, taps, -1)).flatten(0, 1)
    mean = torch.einsum("ctk,ct->ck", first, target.averages.read.reshape(channels, taps)).flatten()
    stored = first.mT.reshape(channels * kernels, 1, *target.kernel)
    ones = (1,) * len(target.kernel)
    return target.solved(gram, cross, mean, lambda second: (stored, second.T.reshape(target.outputs, -1, *ones)))


def pointwise_first(target: LayerTarget, kernels: int) -> Factors:
    """1×1 to several maps for each output, then a spatial kernel for each; least squares output by output."""
    channels, outputs = target.channels, target.outputs
    root, inverse = target.channel_metric
    weighted = torch.einsum("cd,dto,ts->ocs", root, target.weight.reshape(channels, -1, outputs), target.tap_metric[0])
    first = (inverse @ leading(weighted, kernels)).permute(0, 2, 1)  # (out, kernels, channels)
    seconds, kept = _kernels_of_outputs(target, first)
    mean = torch.einsum("okc,ct,okt->o", first, target.averages.read.reshape(channels, -1), seconds)
    ones = (1,) * len(target.kernel)
    weights = (first.reshape(-1, channels, *ones), seconds.reshape(outputs, kernels, *target.kernel))
    return Factors(weights, mean, (target.power - kept).clamp_min(0) + target.unreached)


def _kernels_of_outputs(target: LayerTarget, first: Tensor) -> tuple[Tensor, Tensor]:
    """Spatial kernels (out, kernels, taps) and what of each output's power they keep (out,)."""
    outputs, kernels, channels = first.shape
    response = target.response.reshape(channels, target.taps, outputs)
    seconds, kept = [], []
    for part in torch.arange(outputs).split(max(1, 2**22 // (len(target.weight) * target.taps * kernels))):
        maps = first[part]
        half = torch.einsum("okc,ctds->oktds", maps, target.blocks)
        gram = torch.einsum("oktds,old->oktls", half, maps).flatten(3).flatten(1, 2)
        cross = torch.einsum("okc,cto->okt", maps, response[:, :, part]).flatten(1)[..., None]
        solution = solve(gram, cross)
        seconds.append(solution.reshape(len(part), kernels, -1))
        kept.append((solution * cross).sum((1, 2)))
    return torch.cat(seconds), torch.cat(kept)


def dilated(target: LayerTarget, _: int = 0) -> Factors:
    """The taps at the corners, edges and centre of the kernel alone."""
    at = torch.zeros(target.kernel, dtype=torch.bool)
    at[tuple(slice(None, None, size // 2) for size in target.kernel)] = True
    read = torch.arange(len(target.weight)).reshape(target.channels, -1)[:, at.flatten()].flatten()
    shape = (target.outputs, target.channels, *(3 for _ in target.kernel))
    gram = target.averages.gram[read][:, read]
    mean = target.averages.read[read]
    return target.solved(gram, target.response[read], mean, lambda second: (second.T.reshape(shape),))


def grouped(target: LayerTarget, groups: int) -> Factors:
    """Each group of outputs from its own channels, in the order in which they are."""
    inputs, outputs = len(target.weight) // groups, target.outputs // groups
    parts = [
        _part(target, torch.arange(group * inputs, (group + 1) * inputs), slice(group * outputs, (group + 1) * outputs))
        for group in range(groups)
    ]
    weight = torch.cat([part.T for part, _ in parts]).reshape(target.outputs, -1, *target.kernel)
    kept = torch.cat([share for _, share in parts])
    means = target.averages.read.reshape(groups, inputs)
    mean = torch.cat([own @ part for own, (part, _) in zip(means, parts, strict=True)])
    return Factors((weight,), mean, (target.power - kept).clamp_min(0) + target.unreached)


def _part(target: LayerTarget, read: Tensor, outputs: slice) -> tuple[Tensor, Tensor]:
    cross = target.response[read, outputs]
    part = solve(target.averages.gram[read][:, read], cross)
    return part, (part * cross).sum(0)
