"""torchprofile: the operators of a TorchScript trace, which needs tensors with values.

Its conventions, read in torchprofile 0.1: bias is not counted; a normalization with weights, `mul`, `mean`, an average
pool and a leaky ReLU count 1 an output; sizes that the forward multiplies count 1 each, as they are tensors in a trace;
`mm`, recurrent layers other than an LSTM, padding "same" and einsum with an ellipsis are missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn

from analyzer.reconciliation.contributions import (
    ACTIVATIONS,
    ATTENTION,
    CONVOLUTION,
    ELEMENTWISE,
    NORMALIZATION,
    POOLING,
    PRODUCTS,
    RECURRENT,
    UPSAMPLING,
    Contribution,
    Unpredictable,
)
from analyzer.tracing.containers import leaves

PER_SAMPLE = {1: 0, 2: 16}
"""Of a grid sampler, by its mode; 4 for the bilinear one."""


@dataclass(frozen=True)
class Traced:
    """One operator of the trace: the sizes of its tensors, None for what is none, and its constants."""

    operator: str
    inputs: tuple[tuple[int, ...] | None, ...]
    outputs: tuple[tuple[int, ...] | None, ...]
    values: tuple[Any, ...]


class _Flat(nn.Module):
    """Returns the tensors in lists and dictionaries, and no others."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *args: Any) -> list[torch.Tensor]:
        return [leaf for _, leaf in leaves(_plain(self.model(*args))) if isinstance(leaf, torch.Tensor)]


def printed_by_torchprofile(module: nn.Module, args: tuple[Any, ...]) -> tuple[int, list[Contribution]]:
    """The MACs that it prints for a module with values, and what it adds up."""
    graph, _ = torch.jit._get_trace_graph(_Flat(module), args)  # type: ignore[attr-defined, no-untyped-call]
    parts = []
    for node in _nodes(graph):
        if node.operator in OPERATORS:
            family, macs = OPERATORS[node.operator](node)
            parts.append(Contribution(family, "", macs))
    return sum(int(part.macs) for part in parts), parts


def _plain(output: Any) -> Any:
    """Objects other than containers are dropped."""
    if isinstance(output, list | tuple):
        return [_plain(item) for item in output]
    if isinstance(output, dict):
        return [_plain(item) for item in output.values()]
    return output if isinstance(output, torch.Tensor) else None


def _nodes(graph: Any) -> Iterator[Traced]:
    for node in graph.nodes():
        inputs, outputs = list(node.inputs()), list(node.outputs())
        constants = tuple(map(_constant, inputs))
        yield Traced(node.kind().lower(), tuple(map(_sizes, inputs)), tuple(map(_sizes, outputs)), constants)


def _sizes(value: Any) -> tuple[int, ...] | None:
    if "tensor" not in value.type().kind().lower():
        return None
    sizes = value.type().sizes()
    return None if sizes is None else tuple(sizes)


def _constant(value: Any) -> Any:
    """A constant of the trace, or the sizes of a list's tensors."""
    producer = value.node()
    if producer.kind() == "prim::ListConstruct":
        return [_sizes(item) for item in producer.inputs()] or None
    names = list(producer.attributeNames()) if producer.kind() == "prim::Constant" else []
    return getattr(producer, producer.kindOf(names[0]))(names[0]) if names else None


def _shape(node: Traced, place: int) -> tuple[int, ...]:
    shape = node.inputs[place]
    if shape is None:
        raise Unpredictable(f"it fails on {node.operator}, an operand of which is no tensor")
    return shape


def _out(node: Traced) -> tuple[int, ...]:
    return node.outputs[0] or ()


def _matmul(node: Traced) -> tuple[str, int]:
    """∏out · K; of a linear layer's weight (out, in), the second operand, as of (K, N)."""
    left, right = _shape(node, 0), _shape(node, 1)
    if len(left) == len(right) == 2:
        return PRODUCTS, left[0] * right[0] * right[1]
    if min(len(left), len(right)) == 1:
        return PRODUCTS, prod(left if len(left) > len(right) else right)
    return PRODUCTS, prod(_out(node)[:-2]) * left[-2] * right[-2] * right[-1]


def _product(first: int, second: int) -> Callable[[Traced], tuple[str, int]]:
    def rule(node: Traced) -> tuple[str, int]:
        return PRODUCTS, prod(_shape(node, first)) * _shape(node, second)[-1]

    return rule


def _addmv(node: Traced) -> tuple[str, int]:
    return PRODUCTS, prod(_shape(node, 1))


def _convolution(node: Traced) -> tuple[str, int]:
    """∏out · Cin/g · ∏kernel, of a transposed one by its output too; its weight is told by the channels that agree."""
    out, weight = _out(node), _shape(node, 1)
    channels = weight[1] if out[1] == weight[0] else weight[0]
    return CONVOLUTION, prod(out) * channels * prod(weight[2:])


def _norm(weight: int) -> Callable[[Traced], tuple[str, int]]:
    def rule(node: Traced) -> tuple[str, int]:
        return NORMALIZATION, prod(_out(node)) if node.inputs[weight] is not None else 0

    return rule


def _per_output(family: str, macs: int = 1) -> Callable[[Traced], tuple[str, int]]:
    def rule(node: Traced) -> tuple[str, int]:
        return family, macs * prod(_out(node))

    return rule


def _lstm(node: Traced) -> tuple[str, int]:
    """Rows × steps × directions × the weights of every layer."""
    out, (states, *_, hidden) = _out(node), node.outputs[1] or (0, 0)
    directions = out[-1] // hidden
    widths = [_shape(node, 0)[-1], *[hidden * directions] * (states // directions - 1)]
    return RECURRENT, out[0] * out[1] * directions * sum(4 * hidden * (width + hidden) for width in widths)


def _einsum(node: Traced) -> tuple[str, int]:
    """The product of all indices' sizes."""
    equation, shapes = node.values[0], node.values[1]
    if not equation or not shapes or "..." in equation or None in shapes:
        return PRODUCTS, 0
    subscripts = equation.split("->")[0].split(",")
    named = (zip(names.replace(" ", ""), shape, strict=False) for names, shape in zip(subscripts, shapes, strict=False))
    return PRODUCTS, prod(dict(pair for pairs in named for pair in pairs).values())


def _grid_sampler(node: Traced) -> tuple[str, int]:
    return UPSAMPLING, prod(_out(node)) * PER_SAMPLE.get(node.values[2], 4)


def _attention(node: Traced) -> tuple[str, int]:
    query, key, value = (_shape(node, place) for place in range(3))
    if prod(query[1:-2]) != prod(key[1:-2]):
        raise Unpredictable("it fails on attention with fewer heads of keys than of queries")
    return ATTENTION, prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


OPERATORS: Mapping[str, Callable[[Traced], tuple[str, int]]] = {
    "aten::scaled_dot_product_attention": _attention,
    "aten::lstm": _lstm,
    "aten::einsum": _einsum,
    "aten::grid_sampler": _grid_sampler,
    "aten::addmm": _product(1, 2),
    "aten::addmv": _addmv,
    "aten::bmm": _product(0, 1),
    "aten::baddbmm": _product(1, 2),
    **dict.fromkeys(("aten::linear", "aten::matmul"), _matmul),
    **dict.fromkeys(("aten::mul", "aten::mul_"), _per_output(ELEMENTWISE)),
    "aten::_convolution": _convolution,
    **dict.fromkeys(("aten::batch_norm", "aten::instance_norm"), _norm(1)),
    **dict.fromkeys(("aten::layer_norm", "aten::group_norm"), _norm(2)),
    **{f"aten::{kind}_pool{n}d": _per_output(POOLING) for kind in ("adaptive_avg", "avg") for n in (1, 2, 3)},
    "aten::mean": _per_output(POOLING),
    "aten::leaky_relu": _per_output(ACTIVATIONS),
    "aten::upsample_bilinear2d": _per_output(UPSAMPLING, 4),
}
