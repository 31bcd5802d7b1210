"""Whether a rewritten model runs the same operators on the same values everywhere but in the layers replaced."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import zip_longest

from analyzer.dataflow.flow import Flow, Value
from analyzer.values.graph import Argument, Op, Tensor, Trace
from analyzer.values.layer_patterns import holders

Signature = tuple[Hashable, ...]
Region = int
"""Which change an operator lies in, by number."""


def first_difference(before: Trace, after: Trace, changes: Sequence[frozenset[str]]) -> str | None:
    """The layer of the first operator that differs outside of the changes, of those that outputs depend on; else None.

    Each change is the paths of the layers that it replaces: their operators, and those of modules within, may differ,
    but what reads their outputs must go on doing so.
    """
    old, new = _Followed(before, changes), _Followed(after, changes)
    for one, other in zip_longest(old.signatures(), new.signatures(), fillvalue=("", ())):
        if one[1] != other[1]:
            return one[0] or other[0] or "the model itself"
    return None if old.outputs() == new.outputs() else "the model's outputs"


class _Followed:
    """One trace with its operators numbered, leaving out those in a change."""

    def __init__(self, trace: Trace, changes: Sequence[frozenset[str]]) -> None:
        self.flow = Flow(trace)
        self._region_of = {path: number for number, paths in enumerate(changes) for path in paths}
        self._kept: dict[Op, int] = {}

    def signatures(self) -> Iterator[tuple[str, Signature]]:
        """The layer of each live operator outside of the changes, in order of execution, and what it does to what.

        Weights are told by their names: the modules around a change may be written anew, and then others run them.
        """
        for op in self.flow.trace.graph:
            if op in self.flow.live and self._region(op) is None:
                arguments = tuple((name, self._described(value)) for name, value in op.arguments.items())
                yield op.layer, (op.name, arguments, tuple((tensor.shape, tensor.dtype) for tensor in op.outputs))
                self._kept[op] = len(self._kept)

    def outputs(self) -> tuple[Hashable, ...]:
        """Where each returned tensor comes from."""
        return tuple(self._origin(self.flow.latest(tensor), tensor) for tensor in self.flow.trace.outputs)

    def _region(self, op: Op) -> Region | None:
        paths = (op.layer, *holders(op.layer))
        return next((self._region_of[path] for path in paths if path in self._region_of), None)

    def _described(self, value: Argument) -> Hashable:
        if isinstance(value, Tensor):
            return self._origin(self.flow.value(value), value)
        if isinstance(value, tuple):
            return tuple(map(self._described, value))
        return type(value).__name__, value

    def _origin(self, value: Value | None, tensor: Tensor) -> Hashable:
        producer = None if value is None else self.flow.producers[value]
        if value is None or producer is None:
            return tensor.weight, tensor.shape, tensor.dtype
        region = self._region(producer)
        if region is not None:
            return "change", region, tensor.shape, tensor.dtype
        return "operator", self._kept.get(producer), self.flow.writes[producer].index(value)
