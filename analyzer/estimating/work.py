"""The work of each operator on a device: arithmetic, bytes, and the class of kernels it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analyzer.estimating.onednn import is_blocked, is_channels_last
from analyzer.estimating.operand_bytes import distinct_operands, moved_bytes
from analyzer.formulas import cost_of, kind_of
from analyzer.formulas.count import Count
from analyzer.values.convolution import IMAGE_CHANNELS
from analyzer.values.counts import Cost
from analyzer.values.graph import Op
from analyzer.values.operator_classes import (
    BATCH_NORMS,
    NORMS,
    aten,
    is_convolution,
    is_pointwise,
    is_pool,
    moves_nothing,
)

Kind = Literal[
    "convolution",
    "stem",
    "pointwise",
    "unfolded",
    "depthwise",
    "grouped",
    "linear",
    "normalization",
    "maximum pool",
    "average pool",
    "transcendental",
    "elementwise",
    "view",
]
"""Operators that run alike: dense convolutions; those that read an image; 1×1 as a matrix product; small ones over
columns; one and several channels a group; products; normalization; pools; exponentials; other elementwise work and
copies; and views, which cost their call alone."""
EXPONENTIALS: Final = aten("silu silu_ gelu gelu_ sigmoid sigmoid_ tanh tanh_ exp softmax _softmax erf mish mish_")


@dataclass(frozen=True, slots=True)
class OperatorWork:
    """One operator's work in its layer: FLOPs (a multiply-add is two) and bytes."""

    layer: str
    kind: Kind
    flops: int
    nbytes: int
    macs: int = 0
    other_flops: int = 0
    dtype: str = "float32"


def eager_work(count: Count) -> tuple[OperatorWork, ...]:
    """Each operator's FLOPs and bytes in eager mode on one CPU thread, copies of convolutions included."""
    return tuple(eager(op, count.owners[op]) for op in count.trace.graph)


def fused_work(count: Count) -> tuple[OperatorWork, ...]:
    """As an inference engine runs it.

    An elementwise operator or a batch normalization that alone and directly reads what a contraction wrote, or what was
    fused to one, is fused to it: only what it reads besides is moved. Views move nothing.
    """
    fused = fusions(count)
    return tuple(_work(op, count.owners[op], _fused_bytes(op, fused.get(op))) for op in count.trace.graph)


def eager(op: Op, layer: str) -> OperatorWork:
    """One operator's FLOPs and bytes in eager mode."""
    return _work(op, layer, _eager_bytes(op))


def fused_in_a_row(ops: Sequence[Op], layer: str) -> tuple[OperatorWork, ...]:
    """Operators that each read the one before: elementwise work and normalization move nothing."""
    return tuple(_work(op, layer, 0 if _is_fusible(op) else _fused_bytes(op, None)) for op in ops)


def fusions(count: Count) -> dict[Op, Op]:
    """Each operator that is fused, and the one before it that it is fused to."""
    graph, fused = count.trace.graph, dict[Op, Op]()
    for op in graph:
        if not _is_fusible(op):
            continue
        heads = (before for before in graph.predecessors(op) if kind_of(before) == "contraction" or before in fused)
        sized = (head for head in heads if op.outputs and head.outputs)
        alone = [h for h in sized if graph.out_degree(h) == 1 and h.outputs[0].numel == op.outputs[0].numel]
        if alone:
            fused[op] = alone[-1]
    return fused


def _is_fusible(op: Op) -> bool:
    return (is_pointwise(op) or op.packet in BATCH_NORMS) and not moves_nothing(op)


def kind(op: Op) -> Kind:
    """The class that the operator belongs to."""
    if is_convolution(op):
        return _convolution_kind(op)
    if moves_nothing(op):
        return "view"
    if kind_of(op) == "contraction":
        return "linear"
    if op.packet in NORMS:
        return "normalization"
    if is_pool(op) or op.packet == "aten.mean":
        return "maximum pool" if "max" in op.packet else "average pool"
    return "transcendental" if op.packet in EXPONENTIALS else "elementwise"


def _convolution_kind(op: Op) -> Kind:
    weight = op.tensor("weight")
    if op.arguments.get("groups") != 1:
        return "depthwise" if weight.shape[1] == 1 else "grouped"
    if not is_blocked(op):
        return "pointwise" if set(weight.shape[2:]) == {1} else "unfolded"
    return "stem" if weight.shape[1] <= IMAGE_CHANNELS else "convolution"


def _work(op: Op, layer: str, nbytes: int) -> OperatorWork:
    cost = cost_of(op) or Cost()
    of_class = kind(op)
    flops = cost.other_flops if of_class.endswith("pool") else 2 * cost.macs
    dtype = op.outputs[0].dtype if op.outputs else "float32"
    return OperatorWork(layer, of_class, flops, nbytes, cost.macs, cost.other_flops, dtype)


def _eager_bytes(op: Op) -> int:
    """Inputs, outputs and weights once; blocked convolutions copy each there and back, unfolded ones their columns."""
    if moves_nothing(op):
        return 0
    moved = moved_bytes(op)
    if not is_convolution(op) or op.outputs[0].dtype != "float32":
        return moved
    read, weight = op.tensor("input"), op.tensor("weight")
    if is_blocked(op) and is_channels_last(op):
        return moved + 2 * weight.nbytes
    if is_blocked(op):
        return 3 * moved - (2 * read.nbytes if read.shape[1] < IMAGE_CHANNELS else 0)
    columns = weight.numel // weight.shape[0] * op.outputs[0].numel // op.outputs[0].shape[1] * read.itemsize
    return moved + (2 * columns if set(weight.shape[2:]) != {1} else 0)


def _fused_bytes(op: Op, head: Op | None) -> int:
    if moves_nothing(op):
        return 0
    if head is None:
        return moved_bytes(op)
    written = {tensor.number for tensor in head.outputs}
    return sum(tensor.nbytes for tensor in distinct_operands(op) if tensor.number not in written)
