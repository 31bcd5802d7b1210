"""Modules that could go without a trace: never called, or called for what no output depends on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from analyzer.dataflow.flow import Flow
from analyzer.values.counts import Cost
from analyzer.values.facts import RemovableModule
from analyzer.values.graph import Op, Parameter
from analyzer.values.layer_patterns import lineage

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
        for path in lineage(owner):
            macs[path] += (costs[op] or Cost()).macs
    names = Counter(parameter.identity for parameter in trace.parameters)
    inside: dict[str, list[Parameter]] = defaultdict(list)
    for parameter in trace.parameters:
        for path in lineage(parameter.owner):
            inside[path].append(parameter)
    found: list[RemovableModule] = []
    # paths sort a module before those within it
    for module in sorted(trace.modules, key=lambda module: module.path):
        path = module.path
        taken = any(path.startswith(f"{other.path}.") for other in found)
        if not path or path in needed or module.kind in CONTAINERS or taken:
            continue
        params = _own_params(inside[path], names)
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
        needed.update(lineage(owners[op]), lineage(op.layer))
        for tensor in op.inputs:
            held = holders[identity[tensor.weight]] if tensor.weight in identity else []
            needed.update(path for owner in held for path in lineage(owner))
    return frozenset(needed)


def _own_params(inside: Sequence[Parameter], names: Mapping[int, int]) -> int:
    """Parameters within a module; 0 where one outside holds one of them: `names` counts those of each identity."""
    own = Counter(parameter.identity for parameter in inside)
    if any(names[identity] > count for identity, count in own.items()):
        return 0
    return sum({p.identity: 0 if p.is_buffer else p.numel for p in inside}.values())
