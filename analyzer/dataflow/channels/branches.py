"""Which channels of a value come from which branch of the network that a concatenation put together."""

from __future__ import annotations

from itertools import chain
from math import prod

from analyzer.dataflow.flow import Flow, Value
from analyzer.values.graph import Op
from analyzer.values.operator_classes import JOINS, aten, keeps_channels

GATES = aten("mul mul_")
"""Of a tensor and its gate the tensor, which is the larger one, is followed."""


def branch_widths(value: Value, flow: Flow) -> tuple[int, ...]:
    """Channels of each concatenated tensor, in order, a concatenation among them taken apart; empty for none.

    A concatenation is found behind elementwise work, gates, normalization, pooling and resizing, none of which moves a
    channel to another place. What is added to another tensor is fused with that.
    """
    while (op := flow.producers[value]) is not None:
        if is_channel_join(op) and len(flow.reads[op]) > 1:
            parts = (branch_widths(part, flow) or flow.tensors[part].shape[1:2] for part in flow.reads[op])
            return tuple(chain.from_iterable(parts))
        operands = flow.operands(op)
        if not operands or not keeps_channels(op) or not (len(operands) == 1 or op.packet in GATES):
            return ()
        value = max(operands, key=lambda operand: prod(flow.tensors[operand].shape))
    return ()


def is_channel_join(op: Op) -> bool:
    """Whether it concatenates along dimension 1."""
    place = op.arguments.get("dim", 0)
    rank = len(op.outputs[0].shape)
    return op.packet in JOINS and rank > 2 and isinstance(place, int) and place % rank == 1
