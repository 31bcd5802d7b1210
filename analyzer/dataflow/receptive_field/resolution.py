"""Resolution that is lost by a stride or a pool and given back later by upsampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx

from analyzer.dataflow.flow import Flow, Value
from analyzer.values.facts import Restoration
from analyzer.values.graph import Op
from analyzer.values.operator_classes import is_convolution, is_pool, is_resampling

Shape = tuple[int, ...]
ROUNDING = 0.75
"""Sizes round when they are halved: 17 grown to 33 gives back a factor of two."""


@dataclass(frozen=True, eq=False, slots=True)
class Loss:
    """A layer that lowered the resolution, and by how much."""

    op: Op
    path: str
    factor: int


Losses = tuple[Loss, ...]


def restorations(flow: Flow, layers: Mapping[Op, str]) -> tuple[Restoration, ...]:
    """Each loss with the layer that first makes up for it and the convolution layers between, in execution order.

    A value carries the losses on its way that are still open, latest last; upsampling by f closes as many of the latest
    as f makes up for. `layers` names the layer of every convolution; other operators go by the module that ran them.
    """
    if not any(_grows(op) for op in flow.trace.graph):
        return ()
    open_losses: dict[Value, Losses] = {value: () for value, op in enumerate(flow.producers) if op is None}
    found: dict[tuple[str, str], Restoration] = {}
    readers: dict[Loss, list[Op]] = {}
    for op in flow.trace.graph:
        losses = _inherited(op, flow, open_losses)
        if losses is None or _forgets_space(op):
            continue
        for loss in losses if op in layers else ():
            readers.setdefault(loss, []).append(op)
        left, closed = _changed(op, losses, layers)
        open_losses.update(dict.fromkeys(flow.writes[op], left))
        for loss in closed:
            between = _between(flow, readers.get(loss, []), op, layers)
            place = layers.get(op, op.layer)
            found.setdefault((loss.path, place), Restoration(loss.path, place, loss.factor, between))
    return tuple(restoration for restoration in found.values() if restoration.between)


def _inherited(op: Op, flow: Flow, open_losses: Mapping[Value, Losses]) -> Losses | None:
    """The open losses of what is read: of the operand that has the fewest, for that is the finest branch."""
    known = [open_losses[value] for value in flow.operands(op) if value in open_losses]
    return min(known, key=len, default=None)


def _forgets_space(op: Op) -> bool:
    """Global pooling: what comes after it has no resolution to give back."""
    return op.packet == "aten.mean" or ("adaptive" in op.packet and op.inputs[0].shape != op.outputs[0].shape)


def _changed(op: Op, losses: Losses, layers: Mapping[Op, str]) -> tuple[Losses, Losses]:
    """The losses that stay open and those that are made up for."""
    if _grows(op):
        return _closed(losses, _growth(op))
    factor = _shrinkage(op)
    return ((*losses, Loss(op, layers.get(op, op.layer), factor)) if factor > 1 else losses), ()


def _closed(losses: Losses, growth: float) -> tuple[Losses, Losses]:
    closed: list[Loss] = []
    while losses and growth >= losses[-1].factor * ROUNDING:
        growth /= losses[-1].factor
        closed.append(losses[-1])
        losses = losses[:-1]
    return losses, tuple(closed)


def _shrinkage(op: Op) -> int:
    if is_convolution(op) or (is_pool(op) and "adaptive" not in op.packet):
        return max(op.integers("stride") or op.integers("kernel_size"), default=1)
    if op.packet == "aten.pixel_unshuffle":
        return op.integer("downscale_factor")
    return 1


def _grows(op: Op) -> bool:
    if is_convolution(op):
        return bool(op.arguments["transposed"]) and max(op.integers("stride"), default=1) > 1
    return op.packet == "aten.pixel_shuffle" or (is_resampling(op) and _growth(op) > 1)


def _growth(op: Op) -> float:
    if is_convolution(op):
        return max(op.integers("stride"))
    before, after = op.inputs[0].shape[2:], op.outputs[0].shape[2:]
    return max((new / old for new, old in zip(after, before, strict=False)), default=1.0)


def _between(flow: Flow, candidates: list[Op], end: Op, layers: Mapping[Op, str]) -> tuple[str, ...]:
    """The layers among the candidates that lead to the end."""
    leading = nx.ancestors(flow.trace.graph, end)
    return tuple(dict.fromkeys(layers[op] for op in candidates if op in leading and layers.get(end) != layers[op]))
