"""The weights that bring each kind of replacement nearest to the wanted outputs, given what the layer reads.

All kinds are linear in the same patches, so one set of averages serves them all, and the settings of a kind are nested:
a lower rank has the first terms of a higher one. The first factor comes from a singular value decomposition in the
metric of the inputs (Zhang et al. 2016, "Accelerating Very Deep Convolutional Networks"), the second from least squares
given the first. Each function gives the factors at each of the settings asked for, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from analyzer.fitting.layer_target import Factors, LayerTarget, leading, roots, solved_each

Settings = Sequence[int]
BATCH = 2**20
"""Values that a batch of outputs may take when each has least squares of its own."""
CHANNELS = 32
"""Whose products are worked on at a time."""


def of_outputs(target: LayerTarget, ranks: Settings) -> Iterator[Factors]:
    """k×k to the principal components of the outputs, then 1×1 back; exact optimum of reduced-rank regression."""
    basis = target.output_basis(max(ranks))
    first, second = target.scaled @ basis, basis.T / target.scale
    powers = (first * (target.response * target.scale @ basis)).sum(0)  # of each component
    ones = (1,) * len(target.kernel)
    for rank in ranks:
        weights = (first[:, :rank].T.reshape(rank, -1, *target.kernel), second[:rank].T.reshape(-1, rank, *ones))
        kept = (second[:rank].square() * powers[:rank, None]).sum(0)
        yield target.factors(weights, target.averages.read @ first[:, :rank] @ second[:rank], kept)


def of_inputs(target: LayerTarget, ranks: Settings) -> Iterator[Factors]:
    """1×1 to r channels, then k×k."""
    ones = (1,) * len(target.kernel)
    return _in_two(target, target.channels, ranks, ones, target.kernel)


def spatial(target: LayerTarget, ranks: Settings) -> Iterator[Factors]:
    """k×1 to r channels, then 1×k."""
    high, wide = target.kernel
    return _in_two(target, target.channels * high, ranks, (high, 1), (1, wide))


def _in_two(
    target: LayerTarget, rows: int, ranks: Settings, one: tuple[int, ...], two: tuple[int, ...]
) -> Iterator[Factors]:
    """A product over the first part of what is read, rows long, and one over the rest; with the kernels of both."""
    blocks = target.averages.gram.reshape(rows, -1, rows, len(target.weight) // rows)
    rest = blocks.shape[1]
    root, inverse = roots(torch.einsum("atbt->ab", blocks) / rest)
    first = inverse @ leading(root @ target.scaled.reshape(rows, -1), max(ranks))
    gram = _between(first, blocks)
    cross = torch.einsum("ar,ato->rto", first, target.response.reshape(rows, rest, -1)).flatten(0, 1)
    mean = torch.einsum("ar,at->rt", first, target.averages.read.reshape(rows, rest)).flatten()
    solutions = solved_each(gram, cross, [rank * rest for rank in ranks])
    for rank, (second, kept) in zip(ranks, solutions, strict=True):
        weights = first[:, :rank].T.reshape(rank, -1, *one), second.T.reshape(-1, rank, *two)
        yield target.factors(weights, mean[: rank * rest] @ second, kept)


def _between(first: Tensor, blocks: Tensor) -> Tensor:
    """Σ first[a, r] blocks[a, t, b, s] first[b, q] as (r · t, q · s), without a copy of the blocks in another order."""
    rows, rest = blocks.shape[:2]
    terms = first.shape[1]
    products = blocks.new_empty(terms, rest, terms, rest)
    for tap in range(rest):
        half = (first.T @ blocks[:, tap].flatten(1)).reshape(terms, rows, rest)
        products[:, tap] = torch.einsum("rbs,bq->rqs", half, first)
    return products.flatten(2).flatten(0, 1)


def depthwise_first(target: LayerTarget, kernels: Settings) -> Iterator[Factors]:
    """Several spatial kernels for each input channel, then 1×1 (Guo et al. 2018, "Network Decoupling")."""
    channels, taps = target.channels, target.taps
    root, inverse = roots(target.blocks.diagonal(dim1=0, dim2=2).permute(2, 0, 1))
    first = inverse @ leading(
        root @ target.scaled.reshape(channels, taps, -1), max(kernels)
    )  # (channels, taps, kernels)
    parts = zip(first.split(CHANNELS), target.blocks.split(CHANNELS), strict=True)
    products = [torch.einsum("ctk,ctds,dsl->kcld", own, blocks, first) for own, blocks in parts]
    gram = torch.cat(products, 1).flatten(2).flatten(0, 1)
    cross = torch.einsum("ctk,cto->kco", first, target.response.reshape(channels, taps, -1)).flatten(0, 1)
    mean = torch.einsum("ctk,ct->kc", first, target.averages.read.reshape(channels, taps)).flatten()
    ones = (1,) * len(target.kernel)
    solutions = solved_each(gram, cross, [number * channels for number in kernels])
    for number, (second, kept) in zip(kernels, solutions, strict=True):
        spatial_kernels = first[..., :number].mT.reshape(channels * number, 1, *target.kernel)
        pointwise = second.reshape(number, channels, -1).permute(2, 1, 0).flatten(1)  # channel by channel
        weights = spatial_kernels, pointwise.reshape(*pointwise.shape, *ones)
        yield target.factors(weights, mean[: len(second)] @ second, kept)


def pointwise_first(target: LayerTarget, kernels: Settings) -> Iterator[Factors]:
    """1×1 to several maps for each output, then a spatial kernel for each; least squares output by output."""
    channels, outputs, taps = target.channels, target.outputs, target.taps
    root, inverse = target.channel_metric
    weighted = torch.einsum("cd,dto,ts->ocs", root, target.weight.reshape(channels, -1, outputs), target.tap_metric[0])
    first = (inverse @ leading(weighted, max(kernels))).mT  # (out, kernels, channels)
    gram, cross = _moments_of_maps(target, first)
    ones = (1,) * len(target.kernel)
    solutions = solved_each(gram, cross, [number * taps for number in kernels])
    for number, (second, kept) in zip(kernels, solutions, strict=True):
        maps, own = first[:, :number], second.reshape(outputs, number, taps)
        mean = torch.einsum("okc,ct,okt->o", maps, target.averages.read.reshape(channels, -1), own)
        weights = maps.reshape(-1, channels, *ones), own.reshape(outputs, number, *target.kernel)
        yield target.factors(weights, mean, kept.flatten())


def _moments_of_maps(target: LayerTarget, first: Tensor) -> tuple[Tensor, Tensor]:
    """E[z zᵀ] (out, kernels · taps, kernels · taps) and E[z y] (out, kernels · taps, 1) of each output's own maps z."""
    outputs, kernels, channels = first.shape
    response = target.response.reshape(channels, target.taps, outputs)
    grams, crosses = [], []
    for part in torch.arange(outputs).split(max(1, BATCH // (len(target.weight) * target.taps * kernels))):
        half = torch.einsum("okc,ctds->oktds", first[part], target.blocks)
        grams.append(torch.einsum("oktds,old->oktls", half, first[part]).flatten(3).flatten(1, 2))
        crosses.append(torch.einsum("okc,cto->okt", first[part], response[:, :, part]).flatten(1)[..., None])
    return torch.cat(grams), torch.cat(crosses)


def dilated(target: LayerTarget, settings: Settings) -> Iterator[Factors]:
    """The taps at the corners, edges and centre of the kernel alone."""
    at = torch.zeros(target.kernel, dtype=torch.bool)
    at[tuple(slice(None, None, size // 2) for size in target.kernel)] = True
    read = torch.arange(len(target.weight)).reshape(target.channels, -1)[:, at.flatten()].flatten()
    shape = (target.outputs, target.channels, *(3 for _ in target.kernel))
    for _ in settings:
        ((weight, kept),) = solved_each(target.averages.gram[read[:, None], read], target.response[read], [len(read)])
        yield target.factors((weight.T.reshape(shape),), target.averages.read[read] @ weight, kept)


def grouped(target: LayerTarget, settings: Settings) -> Iterator[Factors]:
    """Each group of outputs from its own channels, in the order in which they are."""
    for groups in settings:
        rows, columns = torch.arange(target.outputs), torch.arange(target.channels)
        yield grouped_as(target, groups, rows, columns)


def grouped_as(target: LayerTarget, groups: int, rows: Tensor, columns: Tensor) -> Factors:
    """Outputs and channels in groups by these orders of them, (out,) and (channels,).

    The weight is that of the grouped layer (out, channels / groups, *kernel), its outputs in the order of `rows`; the
    mean and what is missing are of the outputs as they are.
    """
    mean, kept = torch.zeros_like(target.power), torch.zeros_like(target.power)
    parts = []
    for own, channels in zip(rows.chunk(groups), columns.chunk(groups), strict=True):
        read = (channels[:, None] * target.taps + torch.arange(target.taps)).flatten()
        cross = target.response[read][:, own]
        ((part, kept[own]),) = solved_each(target.averages.gram[read[:, None], read], cross, [len(read)])
        mean[own] = target.averages.read[read] @ part
        parts.append(part.T)
    return target.factors((torch.cat(parts).reshape(target.outputs, -1, *target.kernel),), mean, kept)
