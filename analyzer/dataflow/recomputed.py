"""Layers that compute a constant weight at every call, as the plain layers that would do the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from analyzer.dataflow.channels.neighbours import convolution_of, norm_after, norm_uses
from analyzer.dataflow.flow import Flow
from analyzer.values.convolution import Convolution, Linear
from analyzer.values.counts import Cost
from analyzer.values.facts import RecomputedLayer
from analyzer.values.graph import Op, Tensor
from analyzer.values.layer_patterns import holders
from analyzer.values.operator_classes import is_convolution

LINEAR = frozenset({"aten.linear", "aten.addmm", "aten.mm", "aten.matmul"})


def recomputed_layers(
    flow: Flow, params: Mapping[str, int], costs: Mapping[Op, Cost | None], kinds: Mapping[str, str]
) -> Iterator[RecomputedLayer]:
    """Of the layers named, with their kinds, those whose one convolution or product a call is found in the trace."""
    inside: dict[str, list[Op]] = {path: [] for path in kinds}
    for op in flow.trace.graph:
        path = next((path for path in (op.layer, *holders(op.layer)) if path in inside), None)
        if path is not None:
            inside[path].append(op)
    calls, uses = {module.path: module.calls for module in flow.trace.modules}, norm_uses(flow)
    for path, ops in inside.items():
        is_linear = kinds[path].endswith("Linear")
        main = [op for op in ops if op.layer == path and (op.packet in LINEAR if is_linear else is_convolution(op))]
        if not main or len(main) != calls.get(path):
            continue
        own = sum(number for owner, number in params.items() if f"{owner}.".startswith(f"{path}."))
        total, kept = (sum((costs[op] or Cost()).macs for op in part) for part in (ops, main))
        norm = norm_after(main, flow, uses)
        yield RecomputedLayer(path, kinds[path], own, total, _plain(main[0]), kept, tuple(ops), len(main), norm)


def _plain(op: Op) -> Convolution | Linear:
    if is_convolution(op):
        return convolution_of(op)
    reads, bias = op.arguments.get("mat1", op.arguments.get("input")), op.arguments.get("bias")
    read = reads if isinstance(reads, Tensor) else op.inputs[0]
    return Linear(read.shape[-1], op.outputs[0].shape[-1], op.packet == "aten.addmm" or isinstance(bias, Tensor))
