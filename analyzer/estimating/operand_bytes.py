"""Bytes that an operator reads of its operands and writes: of a table that is looked up in, the rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analyzer.values.graph import Op, Tensor

LOOKED_UP_IN: Final = {
    "aten.embedding": "weight",
    "aten.index": "self",
    "aten._unsafe_index": "self",
    "aten.index_select": "self",
    "aten.gather": "self",
    "aten.take": "self",
}
"""The argument of which no more is read than is returned."""
WRITTEN_FROM: Final = {"aten.index_put_": "values", "aten.index_copy_": "source", "aten.scatter_": "src"}
"""The argument that is written into rows of the first one, of which nothing else is touched."""
GROUPED: Final = frozenset({"aten._grouped_mm", "aten._scaled_grouped_mm", "aten._scaled_grouped_mm_v2"})


def read_bytes(op: Op, tensor: Tensor) -> int:
    """Of one operand, at most: as many rows as are looked up, or as many experts as there are rows to multiply.

    (S, K) × (G, K, N) in G groups reads at most min(S, G) of the G matrices.
    """
    if op.outputs and all(output.numel == 0 for output in op.outputs):
        return 0
    if tensor is op.arguments.get(LOOKED_UP_IN.get(op.packet, "")):
        return min(tensor.nbytes, sum(output.numel for output in op.outputs) * tensor.itemsize)
    if tensor is op.arguments.get("self") and op.packet in WRITTEN_FROM:
        return 0
    if op.packet in GROUPED and tensor is not op.arguments.get("self") and len(tensor.shape) == 3:
        return tensor.nbytes * min(op.tensor("self").shape[0], tensor.shape[0]) // tensor.shape[0]
    return tensor.nbytes


def written_bytes(op: Op) -> int:
    """Of the results; of a tensor that rows are written into, the rows alone."""
    source = op.arguments.get(WRITTEN_FROM.get(op.packet, ""))
    if isinstance(source, Tensor):
        return source.nbytes
    return sum(output.nbytes for output in op.outputs)


def moved_bytes(op: Op) -> int:
    """All that is read, each tensor once, and written."""
    return sum(read_bytes(op, tensor) for tensor in distinct_operands(op)) + written_bytes(op)


def distinct_operands(op: Op) -> Iterator[Tensor]:
    """Each operand once: a square reads its operand once."""
    yield from {(tensor.number, tensor.shape): tensor for tensor in op.inputs}.values()
