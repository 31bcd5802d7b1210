"""Add up what a trace contains: who owns which operator and which parameter, and the totals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from analyzer.formulas import cost_of
from analyzer.formulas.peak_memory import peak_bytes
from analyzer.values.counts import Cost, Layer, Lines, NeverRun, Total, Uncounted
from analyzer.values.graph import Op, Parameter, Trace, distinct_parameters

SUMMED = ("params", "macs", "other_flops")
"""What the rows add up to the total of."""
NO_FORMULA = "the analyzer has no formula for this operator"


@dataclass(frozen=True)
class Count:
    """The layers, totals and gaps of one trace."""

    trace: Trace

    @cached_property
    def costs(self) -> Mapping[Op, Cost | None]:
        """What each operator costs; None where that is unknown."""
        return {op: cost_of(op) for op in self.trace.graph}

    @cached_property
    def owners(self) -> Mapping[Op, str]:
        """The layer that each operator belongs to.

        The innermost running module; but an operator on the weights of a module that was never called (scripted code,
        `child.forward()`, `F.linear(x, self.child.weight)`) belongs to that module.
        """
        owner_of = {parameter.name: parameter.owner for parameter in self.trace.parameters}
        held = ((op, (owner_of[tensor.weight] for tensor in op.inputs if tensor.weight)) for op in self.trace.graph)
        return {op: next((owner for owner in owners if owner not in self._called), op.layer) for op, owners in held}

    @cached_property
    def _called(self) -> frozenset[str]:
        return frozenset(module.path for module in self.trace.modules if module.calls) | {""}

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters, each once: the first module that holds it has it."""
        return distinct_parameters(p for p in self.trace.parameters if not p.is_buffer)

    @cached_property
    def buffers(self) -> tuple[Parameter, ...]:
        """Buffers, each once, without those that are parameters too."""
        parameters = {parameter.identity for parameter in self.parameters}
        return distinct_parameters(p for p in self.trace.parameters if p.is_buffer and p.identity not in parameters)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every module that was called or owns parameters or work, in execution order; those never run come last."""
        params = _sum_by((p.owner, p.numel) for p in self.parameters)
        costs: dict[str, Cost] = defaultdict(Cost)
        for op, owner in self.owners.items():
            costs[owner] += self.costs[op] or Cost()
        rows = [
            Layer(
                path=module.path,
                kind=module.kind,
                calls=module.calls,
                settings=module.settings,
                arguments=dict(module.arguments),
                input_shapes=module.input_shapes,
                output_shapes=module.output_shapes,
                params=params[module.path],
                macs=costs[module.path].macs,
                other_flops=costs[module.path].other_flops,
            )
            for module in self.trace.modules
        ]
        return tuple(row for row in self._in_order(rows) if row.calls or row.params or row.macs or row.other_flops)

    def _in_order(self, rows: list[Layer]) -> list[Layer]:
        """Modules without calls whose operators ran stand where their first operator ran."""
        first: dict[str, int] = {}
        for index, owner in enumerate(self.owners.values()):
            first.setdefault(owner, index)
        if all(row.calls for row in rows if row.path in first):
            return rows
        return sorted(rows, key=lambda row: first.get(row.path, len(first) if row.calls else len(self.owners) + 1))

    @property
    def never_run(self) -> tuple[NeverRun, ...]:
        """Modules whose own parameters no operator read and that were not called."""
        identity = {p.name: p.identity for p in self.trace.parameters}
        used = {identity[t.weight] for op in self.trace.graph for t in op.inputs if t.weight is not None}
        unused = [p for p in self.parameters if p.owner not in self._called - {""} and p.identity not in used]
        return tuple(NeverRun(path, params) for path, params in _sum_by((p.owner, p.numel) for p in unused).items())

    @cached_property
    def uncounted(self) -> tuple[Uncounted, ...]:
        """The operators without a count, by name, and the work that is not in the trace."""
        calls: dict[str, list[str]] = defaultdict(list)
        for op, cost in self.costs.items():
            if cost is None:
                calls[op.packet].append(self.owners[op])
        sums = [sum(getattr(row, name) or 0 for row in self.layers) for name in SUMMED]
        totals = [getattr(self.total, name) for name in SUMMED]
        unequal = () if sums == totals else (rows_differ(sums, totals),)
        unknown = (Uncounted(name, len(paths), tuple(sorted(set(paths))), NO_FORMULA) for name, paths in calls.items())
        return tuple(sorted((*unknown, *unequal, *self.trace.gaps), key=lambda item: (item.operator, item.reason)))

    @cached_property
    def total(self) -> Total:
        """Totals: parameters and buffers in elements and bytes, work in MACs and FLOPs, activations likewise.

        Shared tensors count once; an operator without a count adds nothing and is among the `uncounted`.
        """
        cost = sum((cost for cost in self.costs.values() if cost is not None), Cost())
        return Total(
            params=sum(p.numel for p in self.parameters),
            trainable_params=sum(p.numel for p in self.parameters if p.trainable),
            buffers=sum(p.numel for p in self.buffers),
            param_bytes=sum(p.numel * p.itemsize for p in self.parameters),
            macs=cost.macs,
            flops=2 * cost.macs,
            other_flops=cost.other_flops,
            activation_elements=sum(_new_elements(op) for op in self.trace.graph),
            peak_activation_bytes=peak_bytes(self.trace.allocations, len(self.trace.graph)),
        )


def rows_differ(sums: list[int], totals: list[int]) -> Uncounted:
    """The gap where rows do not add up to the total; the test suite replaces this by raising."""
    pairs = zip(SUMMED, sums, totals, strict=True)
    unequal = [f"{name} {rows:,} in the rows, {total:,} in total" for name, rows, total in pairs if rows != total]
    return Uncounted("rows", len(unequal), (), f"the rows do not add up to the total: {', '.join(unequal)}")


def _sum_by(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for key, number in pairs:
        sums[key] += number
    return sums


def _new_elements(op: Op) -> int:
    """Elements of the outputs that are neither views nor written in place."""
    old = {tensor.storage for tensor in op.inputs}
    return sum(output.numel for output in op.outputs if output.storage not in old)


def with_sources(
    layers: Iterable[Layer], sources: Mapping[str, tuple[str, int]], construction: Mapping[str, tuple[Lines, ...]] = {}
) -> tuple[Layer, ...]:
    """The same layers with the file and line where each was written, and what was building it, where that is known."""
    unknown = (None, None)
    places = ((layer, *sources.get(layer.path, unknown)) for layer in layers)
    return tuple(
        replace(layer, file=file, line=line, construction=construction.get(layer.path, ()))
        for layer, file, line in places
    )
