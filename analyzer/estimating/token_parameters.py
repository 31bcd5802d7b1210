"""How many parameters one token uses, by the experts whose rows it can reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import prod
from typing import Final

from analyzer.estimating.operand_bytes import GROUPED, LOOKED_UP_IN, distinct_operands, read_bytes
from analyzer.formulas import kind_of
from analyzer.formulas.count import Count
from analyzer.values.graph import Op, OpGraph, Parameter, Tensor
from analyzer.values.operator_classes import aten, moves_nothing
from analyzer.values.steps import ExpertGroup, TokenParameters

ROUTERS: Final = aten("topk sort argsort argmax max")
"""What chooses experts by a score."""


def token_parameters(count: Count) -> TokenParameters:
    """Parameters that the trace of a single token uses: all but those of experts that it cannot reach.

    With k of E experts of one size p, all - (E - k) · p, summed over the groups of experts; a range for other sizes.
    """
    groups = (*_stacked(count), *_listed(count))
    total = count.total.params
    unreached = [(group.experts - group.reached, group) for group in groups]
    return TokenParameters(
        total=total,
        least=total - sum(number * group.most for number, group in unreached),
        most=total - sum(number * group.least for number, group in unreached),
        groups=groups,
    )


def _stacked(count: Count) -> Iterator[ExpertGroup]:
    """Weights (experts, …) of which rows alone are read, chosen by a router."""
    reads = _reads(count)
    for parameter in count.parameters:
        found = reads.get(parameter.identity, [])
        if len(parameter.shape) < 2 or not found:
            continue
        row = prod(parameter.shape[1:])
        rows = [_rows_read(count.trace.graph, op, tensor, row) for op, tensor in found]
        if None in rows:
            continue
        reached = min(sum(number or 0 for number in rows), parameter.shape[0])
        if reached < parameter.shape[0]:
            yield ExpertGroup(parameter.name, parameter.shape[0], reached, row, row)


def _reads(count: Count) -> dict[int, list[tuple[Op, Tensor]]]:
    """The operators that read each parameter, by its identity."""
    named = {parameter.name: parameter.identity for parameter in count.trace.parameters}
    reads: dict[int, list[tuple[Op, Tensor]]] = defaultdict(list)
    for op in count.trace.graph:
        for tensor in () if moves_nothing(op) else distinct_operands(op):
            if tensor.weight in named:
                reads[named[tensor.weight]].append((op, tensor))
    return reads


def _rows_read(graph: OpGraph, op: Op, tensor: Tensor, row: int) -> int | None:
    """How many experts' rows of a stacked weight an operator reads; None where it is not read by experts."""
    if op.packet in GROUPED:
        return read_bytes(op, tensor) // (row * tensor.itemsize)
    if tensor is op.arguments.get(LOOKED_UP_IN.get(op.packet, "")) and op.packet != "aten.embedding":
        return read_bytes(op, tensor) // (row * tensor.itemsize) if _is_routed(graph, op) else None
    if tensor.numel == row and kind_of(op) == "contraction":  # one expert's part of the stack
        return read_bytes(op, tensor) // (row * tensor.itemsize)
    return None


def _is_routed(graph: OpGraph, op: Op) -> bool:
    """Whether the integers that an operator looks up with come from a choice by score."""
    waiting, seen = [op], {op}
    while waiting:
        for before in graph.predecessors(waiting.pop()):
            if before in seen or not any("int" in output.dtype for output in before.outputs):
                continue
            if before.packet in ROUTERS:
                return True
            seen.add(before)
            waiting.append(before)
    return False


def _listed(count: Count) -> Iterator[ExpertGroup]:
    """Weights of the modules of one list, experts.0.w and experts.1.w, of which a router chose some."""
    reads = _reads(count)
    numbered: dict[str, list[Parameter]] = defaultdict(list)
    for parameter in count.parameters:
        for name in _patterns(parameter.name):
            numbered[name].append(parameter)
    used = {p.identity for p in count.parameters if any(read_bytes(*read) for read in reads.get(p.identity, ()))}
    routed = [op.layer for op in count.trace.graph if op.packet in ROUTERS]
    found: dict[str, None] = {}
    for unused in (p for p in count.parameters if p.identity not in used):
        partly = (name for name in _patterns(unused.name) if any(p.identity in used for p in numbered[name]))
        found |= dict.fromkeys(list(partly)[:1])
    for name in (name for name in found if any(_holds(name, layer) for layer in routed)):
        sizes = [expert.numel for expert in numbered[name]]
        reached = sum(expert.identity in used for expert in numbered[name])
        yield ExpertGroup(name, len(sizes), reached, min(sizes), max(sizes))


def _patterns(name: str) -> Iterator[str]:
    """The name with one number among its parts left open, the last one first."""
    parts = name.split(".")
    for place in reversed(range(len(parts))):
        if parts[place].isdecimal():
            yield ".".join((*parts[:place], "*", *parts[place + 1 :]))


def _holds(pattern: str, layer: str) -> bool:
    """Whether a layer lies in the module that has the list, or is it: layers.0.mlp of layers.0.mlp.experts.*.w."""
    holder = pattern.partition(".*")[0].rpartition(".")[0]
    return not holder or layer == holder or layer.startswith(f"{holder}.")
