"""How much memory an inference holds at its peak, where, and along the depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import prod
from typing import Final

from analyzer.estimating.onednn import workspace_bytes
from analyzer.formulas.count import Count
from analyzer.formulas.peak_memory import held_bytes
from analyzer.values.counts import Input
from analyzer.values.estimates import HeldTensor, MemoryEstimate, MemoryPoint, StoredBytes

EXACT: Final = "tensors live as long as torch's eager forward keeps them, views and in-place results in one piece"
WORKSPACE: Final = "float32 convolutions take what oneDNN copies on a CPU with one thread"


def memory_estimate(count: Count) -> MemoryEstimate:
    """The peak in bytes with the convolutions' workspaces, its layer, and the curve over the layers as they ran."""
    trace = count.trace
    tensors = held_bytes(trace.allocations, len(trace.graph))
    held = [base + workspace_bytes(op) for base, op in zip(tensors, trace.graph, strict=True)]
    peak = max(range(len(held)), key=held.__getitem__, default=None)
    op = None if peak is None else trace.ops[peak]
    return MemoryEstimate(
        peak_bytes=max(held, default=0),
        tensor_bytes=max(tensors, default=0),
        layer=count.owners[op] if op else "",
        operator=op.packet if op else "",
        input_bytes=input_bytes(trace.inputs),
        stored=stored_bytes(count),
        curve=tuple(_curve(held, list(count.owners.values()))),
        assumptions=(EXACT, WORKSPACE),
        alive=() if peak is None else tuple(sorted(_alive(count, peak), key=lambda held: -held.nbytes)),
    )


def _alive(count: Count, place: int) -> Iterator[HeldTensor]:
    """What was allocated by the time that the operator at this place runs, and is freed no earlier."""
    for piece in count.trace.allocations:
        if piece.born <= place and (piece.freed is None or max(piece.freed, piece.born) >= place):
            maker = count.trace.ops[piece.born]
            yield HeldTensor(count.owners[maker], maker.packet, piece.nbytes)


def input_bytes(inputs: Sequence[Input]) -> int:
    """Bytes of the inputs, which the caller holds for the forward to read."""
    return sum(prod(given.shape) * _itemsize(given.dtype) for given in inputs)


def stored_bytes(count: Count) -> tuple[StoredBytes, ...]:
    """Bytes of parameters and buffers, each tensor once, by data type."""
    dtypes = sorted({item.dtype for item in (*count.parameters, *count.buffers)})
    return tuple(
        StoredBytes(
            dtype,
            sum(item.numel * item.itemsize for item in count.parameters if item.dtype == dtype),
            sum(item.numel * item.itemsize for item in count.buffers if item.dtype == dtype),
        )
        for dtype in dtypes
    )


def _curve(held: Sequence[int], owners: Sequence[str]) -> Iterator[MemoryPoint]:
    """A point for each run of neighbouring operators of one layer."""
    for path, run in groupby(zip(owners, held, strict=True), key=lambda pair: pair[0]):
        yield MemoryPoint(path, max(nbytes for _, nbytes in run))


def _itemsize(dtype: str) -> int:
    """Bytes of an element; the digits of a data type's name are its bits, "bool" has one byte."""
    digits = "".join(filter(str.isdigit, dtype.partition("_")[0]))
    return max(int(digits) // 8, 1) if digits else 1
