"""ptflops' "aten" engine: six operators as they are dispatched on the CPU, with gradients recorded.

Its conventions, read in ptflops 0.7: bias is counted, nothing else beside products; fused attention and LSTMs, products
with a vector and deformable convolutions are missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import networkx as nx
import torch

from analyzer.reconciliation.contributions import (
    ATTENTION,
    BIAS,
    CONVOLUTION,
    PRODUCTS,
    RECURRENT,
    Contribution,
    Unpredictable,
)
from analyzer.values.graph import Op, Tensor, Trace, tensors_of

Parts = Iterator[tuple[str, int]]


def printed_by_ptflops_aten(trace: Trace) -> tuple[int, list[Contribution]]:
    """The MACs that it prints, and what it adds up."""
    parts = [
        Contribution(family, op.layer, macs)
        for op in trace.graph
        if op.packet in OPERATORS
        for family, macs in OPERATORS[op.packet](op, trace)
    ]
    return sum(int(part.macs) for part in parts), parts


def _product(op: Op, _: Trace) -> Parts:
    left, right = op.tensor("self"), op.tensor("mat2")
    yield PRODUCTS, left.numel * right.shape[-1]


def _addmm(op: Op, _: Trace) -> Parts:
    left, right = op.tensor("mat1"), op.tensor("mat2")
    yield PRODUCTS, left.numel * right.shape[-1]
    yield BIAS, left.shape[0] * right.shape[-1]


def _convolution(op: Op, _: Trace) -> Parts:
    """The first axis is taken for the batch; a complex product is one."""
    data, weight, out = op.tensor("input").shape, op.tensor("weight"), op.outputs[0]
    positions = data if op.arguments["transposed"] else out.shape
    yield CONVOLUTION, data[0] * weight.numel * Tensor(positions[2:]).numel
    yield BIAS, data[0] * Tensor(out.shape[1:]).numel if op.arguments["bias"] is not None else 0


def _attention(op: Op, trace: Trace) -> Parts:
    """Nothing where the CPU has a fused kernel, whose products are not seen; else those of the plain one."""
    query, key, value = (op.tensor(name) for name in ("query", "key", "value"))
    if not _is_fused(op, trace):
        scores = Tensor((*query.shape[:-1], key.shape[-2])).numel
        yield ATTENTION, scores * (query.shape[-1] + value.shape[-1])


def _is_fused(op: Op, trace: Trace) -> bool:
    """What torch's own choice for these shapes on the CPU is; its kernel has no gradient of a mask."""
    arguments = {name: _made(item) for name, item in op.arguments.items()}
    mask = op.arguments.get("attn_mask")
    if isinstance(mask, Tensor) and arguments["attn_mask"].is_floating_point():
        arguments["attn_mask"].requires_grad_(_depends_on_weights(op, mask, trace))
    with torch.enable_grad():
        return torch._fused_sdp_choice(**arguments) != 0


def _made(item: Any) -> Any:
    """A tensor that is never written to, and so takes no memory."""
    return torch.empty(item.shape, dtype=getattr(torch, item.dtype)) if isinstance(item, Tensor) else item


def _depends_on_weights(op: Op, mask: Tensor, trace: Trace) -> bool:
    makers = [source for source in trace.graph.predecessors(op) if mask.storage in [t.storage for t in source.outputs]]
    trained = {parameter.name for parameter in trace.parameters if parameter.trainable and not parameter.is_buffer}
    before = {maker for source in makers for maker in (source, *nx.ancestors(trace.graph, source))}
    return mask.weight in trained or any(tensor.weight in trained for maker in before for tensor in maker.inputs)


def _fused_lstm(op: Op, _: Trace) -> Parts:
    """An LSTM in float32 is one operator on the CPU, which is not seen."""
    states = list(tensors_of(op.arguments["hx"]))
    is_projected = states[0].shape[-1] != states[-1].shape[-1]
    if any(tensor.dtype != "float32" for tensor in op.inputs) or is_projected or op.name.endswith(".data"):
        raise Unpredictable("it is not known how this LSTM (projected, packed, not in float32) is dispatched")
    yield from ()


def _recurrent(op: Op, _: Trace) -> Parts:
    """Other layers are products of all steps by the weights, and biases added where they have some.

    With the batch in front, the first layer's input is not contiguous: its product is one without bias.
    """
    if op.name.endswith(".data"):
        raise Unpredictable("it is not known how a recurrent layer over packed sequences is dispatched")
    sizes = op.tensor("input").shape[:2]
    is_turned = op.arguments["batch_first"] and min(sizes) > 1
    left_out = {2, 6} if is_turned and op.arguments["bidirectional"] else {2} if is_turned else set()
    for place, tensor in enumerate(tensors_of(op.arguments["params"])):
        of_bias = len(tensor.shape) == 1
        if not of_bias or place not in left_out:
            yield BIAS if of_bias else RECURRENT, Tensor(sizes).numel * tensor.numel


OPERATORS: Mapping[str, Callable[[Op, Trace], Parts]] = {
    **dict.fromkeys(("aten.mm", "aten.bmm"), _product),
    "aten.addmm": _addmm,
    "aten.convolution": _convolution,
    "aten.scaled_dot_product_attention": _attention,
    "aten.lstm": _fused_lstm,
    **dict.fromkeys(("aten.gru", "aten.rnn_tanh", "aten.rnn_relu"), _recurrent),
}
