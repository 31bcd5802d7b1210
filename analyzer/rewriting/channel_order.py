"""Puts channels in the order that a grouped convolution keeps most of, by renumbering them in its neighbours too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import torch
from torch import nn

from analyzer.evidence.grouping import best_grouping, best_rows
from analyzer.rewriting.copying import copied
from analyzer.rewriting.end_to_end import output_error
from analyzer.rewriting.recalibrating import Arguments
from analyzer.values.convolution import Convolution, Proposal
from analyzer.values.counts import Input
from analyzer.values.facts import ConvolutionFacts, ModelFacts

Order = tuple[int, ...]
TOLERANCE = 1e-3
"""Relative; a renumbered sum is rounded in another order, a wrong one is off by its whole size."""


def ordered(module: nn.Module, proposals: Iterable[Proposal], facts: ModelFacts, inputs: Sequence[Input]) -> nn.Module:
    """A copy in eval mode that computes the same with channels renumbered; the module itself where that fails.

    The outputs of a layer are renumbered together with its normalization and with all convolutions that read them.
    Tensors that are added to or concatenated with others keep their order. That the function stays the same is
    checked by running both on random inputs.
    """
    wanted = list(_grouped(proposals, facts))
    if not wanted:
        return module
    renumbered = copied(module).eval()
    moved: set[str] = set()
    for path, groups in wanted:
        moved |= _order_for(path, groups, renumbered, facts, moved)
    if not moved or not _same(copied(module).eval(), renumbered, inputs):
        return module
    return renumbered


def _grouped(proposals: Iterable[Proposal], facts: ModelFacts) -> Iterator[tuple[str, int]]:
    """Layers that one grouped convolution takes the place of, with its groups."""
    for proposal in proposals:
        for path, units in proposal.replacements:
            layer = facts.convolutions.get(path)
            if layer is None or not _is_simple(layer) or len(units) != 1:
                continue
            if isinstance(units[0], Convolution) and units[0].groups > 1:
                yield path, units[0].groups


def _is_simple(layer: ConvolutionFacts) -> bool:
    conv = layer.convolution
    return layer.is_plain and len(layer.calls) == 1 and conv.is_dense and not conv.transposed


def _may_move(path: str, facts: ModelFacts) -> bool:
    """Whether only dense convolutions that read nothing else read the layer's outputs."""
    layer = facts.convolutions.get(path)
    if layer is None or not _is_simple(layer) or layer.shares_output or layer.is_head or not layer.readers:
        return False
    readers = [facts.convolutions.get(reader) for reader in layer.readers]
    return all(reader is not None and _is_simple(reader) and reader.sources == (path,) for reader in readers)


def movable(path: str, facts: ModelFacts) -> tuple[bool, bool]:
    """Whether the channels that a layer reads can be renumbered, and whether those that it writes can."""
    layer = facts.convolutions[path]
    reads = len(layer.sources) == 1 and _is_simple(layer) and _may_move(layer.sources[0], facts)
    return reads, _is_simple(layer) and _may_move(path, facts)


def _order_for(path: str, groups: int, module: nn.Module, facts: ModelFacts, moved: set[str]) -> set[str]:
    """Renumber what the layer reads and writes, as far as both may be and have not been; the layers that wrote it."""
    sources = facts.convolutions[path].sources
    reads, writes = movable(path, facts)
    reads, writes = reads and sources[0] not in moved, writes and path not in moved
    rows, columns = _best_order(_weight(module, path), groups, reads, writes)
    if reads:
        _move(sources[0], columns, module, facts)
    if writes:
        _move(path, rows, module, facts)
    return {*(sources if reads else ()), *((path,) if writes else ())}


def _best_order(weight: torch.Tensor, groups: int, reads: bool, writes: bool) -> tuple[Order, Order]:
    """Output and input channels, group after group, where those that it writes or those that it reads may move."""
    rows, columns = (tuple(range(size)) for size in weight.shape[:2])
    if reads and writes:
        best = best_grouping(weight, groups)
        return best.rows, best.columns
    if writes:
        return best_rows(weight, groups), columns
    return rows, best_rows(weight.transpose(0, 1), groups) if reads else columns


def kept_by_groups(layer: nn.Module, path: str, groups: int, facts: ModelFacts) -> nn.Module:
    """A dense layer that computes what groups do once the channels around them are renumbered, as far as they may be:
    its weights between groups are zero.
    """
    kept = copied(layer)
    weight = kept.get_parameter("weight").detach()
    rows, columns = (
        torch.tensor(order).reshape(groups, -1) for order in _best_order(weight, groups, *movable(path, facts))
    )
    inside = torch.zeros(weight.shape[:2], dtype=torch.bool)
    for outputs, inputs in zip(rows, columns, strict=True):
        inside[outputs[:, None], inputs] = True
    weight[~inside] = 0
    return kept


def _weight(module: nn.Module, path: str) -> torch.Tensor:
    return module.get_submodule(path).get_parameter("weight").detach()


def _move(path: str, order: Order, module: nn.Module, facts: ModelFacts) -> None:
    """Renumber the layer's output channels: its rows, its normalization, the columns of those that read them."""
    index, layer = torch.tensor(order), facts.convolutions[path]
    for owner in (path, *((layer.norm,) if layer.norm else ())):
        for tensor in _per_channel(module.get_submodule(owner)):
            tensor.copy_(tensor[index].clone())
    for reader in layer.readers:
        weight = _weight(module, reader)
        weight.copy_(weight[:, index].clone())


def _per_channel(layer: nn.Module) -> Iterator[torch.Tensor]:
    """Parameters and statistics whose first axis is the output channels."""
    for tensor in (*layer.parameters(recurse=False), *layer.buffers(recurse=False)):
        if tensor.dim() > 0:
            yield tensor.detach()


def _same(one: nn.Module, other: nn.Module, inputs: Sequence[Input]) -> bool:
    """Whether both give the same on random inputs; False also where they cannot be run so."""
    try:
        return output_error(one, other, random_arguments(inputs)) <= TOLERANCE
    except Exception:  # whatever a user's forward raises
        return False


def random_arguments(inputs: Sequence[Input]) -> Arguments:
    """Values of these shapes and dtypes, by name: standard normal ones, zeros and ones for integers."""
    generator = torch.Generator().manual_seed(0)
    return (), {item.name: _random(item, generator) for item in inputs}


def _random(item: Input, generator: torch.Generator) -> torch.Tensor:
    dtype: torch.dtype = getattr(torch, item.dtype)
    is_real = dtype.is_floating_point or dtype.is_complex
    value = torch.randn if is_real else partial(torch.randint, 0, 2)
    return value(item.shape, generator=generator).to(dtype)
