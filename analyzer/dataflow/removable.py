"""Modules that could go without a trace: never called, or called for what no output depends on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from analyzer.dataflow.flow import Flow
from analyzer.values.counts import Cost
from analyzer.values.facts import RemovableModule
from analyzer.values.graph import Op, Trace

CONTAINERS = {"ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
"""Never called themselves, and what a forward does with them is more than to call them."""


def removable_modules(
    flow: Flow, owners: Mapping[Op, str], costs: Mapping[Op, Cost | None]
) -> tuple[RemovableModule, ...]:
    """The outermost of such modules, each with what it holds that no module outside of it does."""
    trace = flow.trace
    needed = _needed(flow, owners)
    macs: dict[str, int] = defaultdict(int)
    for op, owner in owners.items():
        for path in _lineage(owner):
            macs[path] += (costs[op] or Cost()).macs
    found: list[RemovableModule] = []
    # paths sort a module before those within it
    for module in sorted(trace.modules, key=lambda module: module.path):
        path = module.path
        taken = any(path.startswith(f"{other.path}.") for other in found)
        if not path or path in needed or module.kind in CONTAINERS or taken:
            continue
        params = _own_params(path, trace)
        if params or macs[path]:
            found.append(RemovableModule(path, module.kind, params, macs[path], bool(module.calls)))
    return tuple(found)


def _needed(flow: Flow, owners: Mapping[Op, str]) -> frozenset[str]:
    """Modules in which an operator ran that outputs depend on, or whose tensors one reads."""
    trace = flow.trace
    identity = {parameter.name: parameter.identity for parameter in trace.parameters}
    holders: dict[int, list[str]] = defaultdict(list)
    for parameter in trace.parameters:
        holders[parameter.identity].append(parameter.owner)
    needed: set[str] = set()
    for op in flow.live:
        needed.update(_lineage(owners[op]), _lineage(op.layer))
        for tensor in op.inputs:
            held = holders[identity[tensor.weight]] if tensor.weight in identity else []
            needed.update(path for owner in held for path in _lineage(owner))
    return frozenset(needed)


def _lineage(path: str) -> Iterator[str]:
    """The module and those around it."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _own_params(path: str, trace: Trace) -> int:
    """Parameters within that no module outside holds; 0 where one of them is shared."""
    inside: dict[int, int] = {}
    outside: set[int] = set()
    for parameter in trace.parameters:
        if parameter.owner == path or parameter.owner.startswith(f"{path}."):
            inside[parameter.identity] = 0 if parameter.is_buffer else parameter.numel
        else:
            outside.add(parameter.identity)
    return 0 if outside & inside.keys() else sum(inside.values())
