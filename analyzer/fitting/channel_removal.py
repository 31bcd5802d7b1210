"""Takes channels out of the layers that give and read them, and checks that the model gives the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from analyzer.fitting.channel_readers import is_depthwise
from analyzer.fitting.divergence import tensors
from analyzer.fitting.networks import Batch, sharing_copy
from analyzer.rewriting.constructors import module_of
from analyzer.rewriting.eligibility import replaceable
from analyzer.rewriting.swapping import put
from analyzer.values.convolution import BatchNorm, Linear, Proposal, Unit
from analyzer.values.errors import Problem
from analyzer.values.facts import ModelFacts

TOLERANCE = 1e-5
"""Relative, of the output: sums of fewer terms are rounded otherwise."""
Place = tuple[str, int]


class Places(Protocol):
    """Channels that are given and read."""

    @property
    def given(self) -> frozenset[Place]: ...
    @property
    def read(self) -> frozenset[Place]: ...


@dataclass(frozen=True)
class Removal:
    """A copy without some channels, and by path what took the place of each layer that lost some."""

    model: nn.Module
    units: Mapping[str, Unit]


def removed(model: nn.Module, facts: ModelFacts, places: Iterable[Places], batch: Batch) -> Removal | None:
    """The model without these channels; None where it would not run, or give anything else on the batch."""
    given, read = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
    for item in places:
        for found, side in ((given, item.given), (read, item.read)):
            for path, place in side:
                found[path].add(place)
    result = sharing_copy(model)
    units = {}
    try:
        for path in sorted({*given, *read}):
            layer = result.get_submodule(path)
            rows, columns = _kept(layer, given[path], read[path])
            units[path] = _unit(layer, path, facts, len(rows), len(columns))
            replaceable(model, [Proposal(((path, (units[path],)),))])
            put(result, {path: _cut(layer, units[path], rows, columns)})
        return Removal(result, units) if _is_same(model, result, batch) else None
    except (Problem, RuntimeError):
        return None


def _kept(layer: nn.Module, given: set[int], read: set[int]) -> tuple[list[int], list[int]]:
    """Rows and columns of its weight that stay; Problem when none would."""
    weight = next(chain(layer.parameters(), layer.buffers()))
    lost_rows = read if isinstance(layer, _BatchNorm) or is_depthwise(layer) else given
    rows = [row for row in range(len(weight)) if row not in lost_rows]
    width = weight.shape[1] if weight.dim() > 1 else 0
    columns = [column for column in range(width) if is_depthwise(layer) or column not in read]
    if not rows or (width and not columns):
        raise Problem("a layer must keep a channel")
    return rows, columns


def _unit(layer: nn.Module, path: str, facts: ModelFacts, rows: int, columns: int) -> Unit:
    if isinstance(layer, _BatchNorm):
        return BatchNorm(rows, int(type(layer).__name__[-2]))
    if isinstance(layer, nn.Linear):
        return Linear(columns, rows, layer.bias is not None)
    known = facts.convolutions.get(path)
    if known is None or not known.is_plain:
        raise Problem(f"{path} does more than one convolution")
    conv = replace(known.convolution, batch=1, input_size=())
    if is_depthwise(layer):
        return replace(conv, in_channels=rows, out_channels=rows, groups=rows)
    return replace(conv, in_channels=columns, out_channels=rows)


@torch.no_grad()
def _cut(layer: nn.Module, unit: Unit, rows: Sequence[int], columns: Sequence[int]) -> nn.Module:
    """The layer with these rows and columns of its tensors."""
    new = module_of((unit,), layer)
    own: dict[str, Tensor] = {**dict(new.named_parameters()), **dict(new.named_buffers())}
    for name, old in (*layer.named_parameters(), *layer.named_buffers()):
        value = old if old.dim() == 0 else old[list(rows)]
        own[name].copy_(value[:, list(columns)] if value.dim() > 1 else value)
    return new


def _is_same(model: nn.Module, other: nn.Module, batch: Batch) -> bool:
    pairs = zip(tensors(batch.through(model)), tensors(batch.through(other)), strict=True)
    return all(
        one.shape == two.shape and bool((two - one).double().norm() <= TOLERANCE * one.double().norm())
        for one, two in pairs
    )
