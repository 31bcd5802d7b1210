"""Modules that add up what parallel convolutions make of one tensor, with nothing nonlinear before the sum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from analyzer.dataflow.channels.neighbours import norm_path
from analyzer.dataflow.flow import Flow, Value
from analyzer.values.facts import BranchSum
from analyzer.values.graph import Op, Tensor
from analyzer.values.layer_patterns import lineage
from analyzer.values.operator_classes import BATCH_NORMS, aten

Item = TypeVar("Item")
Branch = tuple[str, ...]
"""Paths of a convolution and its normalizations, or of normalizations alone, in order."""
SUMS = aten("add add_")
COPIES = aten("clone alias detach contiguous")


def branch_sums(flow: Flow, path_of: Mapping[Op, str]) -> tuple[BranchSum, ...]:
    """Each module called once that does so, innermost ones only; what it does with the sum is left to its children."""
    modules = {module.path: module for module in flow.trace.modules}
    adding = dict.fromkeys(op.layer for op in flow.trace.graph if op.packet in SUMS and op.layer)
    inside = _by_module((op.layer, op) for op in flow.trace.graph)
    owners = _by_module((owner, owner) for owner in dict.fromkeys(p.owner for p in flow.trace.parameters))
    found = (
        _Block(path, inside[path], owners[path], flow, path_of).branch_sum(tuple(modules))
        for path in adding
        if path in modules and modules[path].calls == 1
    )
    return tuple(item for item in found if item is not None)


def _by_module(items: Iterable[tuple[str, Item]]) -> Mapping[str, list[Item]]:
    """What lies in each module, in its children included, of items with the path of the module that they lie in."""
    found: dict[str, list[Item]] = defaultdict(list)
    for layer, item in items:
        for path in lineage(layer):
            found[path].append(item)
    return found


class _Block:
    """One module: what its values are as sums of branches, as far as they are."""

    def __init__(
        self, path: str, ops: Sequence[Op], owners: Sequence[str], flow: Flow, path_of: Mapping[Op, str]
    ) -> None:
        self.path, self.ops, self.flow, self.path_of = path, ops, flow, path_of
        self.owners = owners
        """Modules within that hold tensors."""
        self.rest: list[Op] = []
        """Operators that are not part of the sum."""
        self.known: dict[Value, tuple[Branch, ...]] = {}

    def branch_sum(self, order: Sequence[str]) -> BranchSum | None:
        """The sum that all of the rest reads; None where the module is no such sum."""
        own = set(self.ops)
        operands = (value for op in self.ops for value in self.flow.operands(op))
        given = {value for value in operands if self.flow.producers[value] not in own}
        if len(given) != 1:
            return None
        self.known[given.pop()] = ((),)
        for op in self.ops:
            if (made := self._branches(op)) is None:
                self.rest.append(op)
            else:
                self.known.update(dict.fromkeys(self.flow.writes[op][:1], made))
        total = self._total()
        if total is None:
            return None
        branches = self.known[total]
        layers = [path for branch in branches for path in branch]
        kept = self._kept(layers, order)
        if len(branches) < 2 or () in branches or len(set(layers)) < len(layers) or kept is None:
            return None
        return BranchSum(self.path, branches, kept)

    def _branches(self, op: Op) -> tuple[Branch, ...] | None:
        operands = [self.known.get(value) for value in self.flow.operands(op)]
        if not operands:
            return None if self.flow.reads[op] else ()
        if any(operand is None for operand in operands):
            return None
        terms = [operand for operand in operands if operand is not None]
        if op.packet in SUMS:
            return _added(op, terms)
        return self._one_after(op, terms[0]) if len(terms) == 1 else None

    def _one_after(self, op: Op, branches: tuple[Branch, ...]) -> tuple[Branch, ...] | None:
        """What an operator makes of one tensor."""
        if op.packet in COPIES:
            return branches
        if op in self.path_of and branches == ((),):
            return ((self.path_of[op],),)
        if op.packet in BATCH_NORMS and len(branches) == 1:
            return ((*branches[0], norm_path(op)),)
        return None

    def _total(self) -> Value | None:
        """The one sum that is read by the rest, or outside where there is no rest."""
        rest = set(self.rest)
        made = [value for op in self.ops if op not in rest for value in self.flow.writes[op]]
        part = set(self.ops) - rest
        read = [v for v in made if v in self.flow.returned or not part.issuperset(self.flow.readers[v])]
        return read[0] if len(read) == 1 and read[0] in self.known else None

    def _kept(self, layers: Sequence[str], order: Sequence[str]) -> tuple[str, ...] | None:
        """The children that run the rest, in order of their first call; None where the module itself does some."""
        around = {f"{self.path}.{op.layer.removeprefix(f'{self.path}.').split('.')[0]}" for op in self.rest}
        if any(op.layer == self.path for op in self.rest) or any(_within(layer, around) for layer in layers):
            return None
        if any(owner not in layers and not _within(owner, around) for owner in self.owners):
            return None  # it holds more than it adds up, which would go with it
        return tuple(path for path in order if path in around)


def _within(layer: str, around: set[str]) -> bool:
    return any(layer == path or layer.startswith(f"{path}.") for path in around)


def _added(op: Op, terms: Sequence[tuple[Branch, ...]]) -> tuple[Branch, ...] | None:
    """Of tensors of one shape; adding the number 0, as a sum may begin, changes nothing."""
    shapes = {tensor.shape for tensor in op.inputs}
    if op.arguments.get("alpha", 1) != 1 or len(shapes) != 1 or shapes != {op.outputs[0].shape}:
        return None
    given = [op.arguments[name] for name in ("self", "other") if name in op.arguments]
    if len(terms) != len(op.inputs) or any(value != 0 for value in given if not isinstance(value, Tensor)):
        return None
    return tuple(branch for term in terms for branch in term)
