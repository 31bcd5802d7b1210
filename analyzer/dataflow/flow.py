"""Each value of a forward pass once: its producer, its readers, and whether it depends on the input at all."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from analyzer.values.graph import Op, Tensor, Trace
from analyzer.values.operator_classes import FILLS

Value = int
"""Numbers one state of one tensor: an in-place operator makes a new value of the same tensor."""


class Flow:
    """What every operator reads and writes, as values; built in one pass over the operators."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.tensors: list[Tensor] = []
        self.producers: list[Op | None] = []
        self.readers: defaultdict[Value, list[Op]] = defaultdict(list)
        self.reads: dict[Op, tuple[Value, ...]] = {}
        """Values of `op.inputs`, in order."""
        self.writes: dict[Op, tuple[Value, ...]] = {}
        self.order: dict[Op, int] = {}
        self._now: dict[int, Value] = {}
        self._of: dict[int, Value] = {}
        for op in trace.graph:
            self._take(op)
        self.returned = frozenset(self._now[t.number] for t in trace.outputs if t.number in self._now)

    def _take(self, op: Op) -> None:
        self.order[op] = len(self.order)
        inputs = op.inputs
        known = ((tensor, self._now.get(tensor.number) if tensor.number >= 0 else None) for tensor in inputs)
        self.reads[op] = tuple(self._new(tensor, None) if value is None else value for tensor, value in known)
        for tensor, value in zip(inputs, self.reads[op], strict=True):
            self._of[id(tensor)] = value
        for value in dict.fromkeys(self.reads[op]):
            self.readers[value].append(op)
        self.writes[op] = tuple(self._new(tensor, op) for tensor in op.outputs)

    def _new(self, tensor: Tensor, producer: Op | None) -> Value:
        self.tensors.append(tensor)
        self.producers.append(producer)
        self._now[tensor.number] = len(self.tensors) - 1
        return len(self.tensors) - 1

    def value(self, tensor: Tensor) -> Value:
        """The value of a tensor found among an operator's arguments (by identity: equal tensors may differ)."""
        return self._of[id(tensor)]

    def latest(self, tensor: Tensor) -> Value | None:
        """The value that a returned tensor has at the end; None for one that no operator read or wrote."""
        return self._now.get(tensor.number)

    def argument(self, op: Op, name: str) -> Value | None:
        """The value of an operator's argument; None when that is no tensor."""
        given = op.arguments.get(name)
        return self.value(given) if isinstance(given, Tensor) else None

    @cached_property
    def dynamic(self) -> tuple[bool, ...]:
        """Of each value whether it depends on what is given to the model; parameters and constants do not."""
        found = [False] * len(self.tensors)
        inputs = {(given.shape, given.dtype) for given in self.trace.inputs}
        for value, (tensor, producer) in enumerate(zip(self.tensors, self.producers, strict=True)):
            if producer is None:
                found[value] = tensor.weight is None and (tensor.shape, tensor.dtype) in inputs
            else:
                found[value] = producer.packet not in FILLS and any(found[read] for read in self.reads[producer])
        return tuple(found)

    @cached_property
    def live(self) -> frozenset[Op]:
        """The operators that an output depends on, or what is left behind in a parameter or buffer."""
        wanted, live = set(self.returned), set()
        for op in reversed(self.order):
            leaves = "inplace" in op.tags and any(tensor.weight is not None for tensor in op.outputs)
            if leaves or not wanted.isdisjoint(self.writes[op]):
                live.add(op)
                wanted.update(self.reads[op])
        return frozenset(live)

    def operands(self, op: Op) -> tuple[Value, ...]:
        """The values that an operator reads and that depend on the input."""
        return tuple(value for value in self.reads[op] if self.dynamic[value])

    def sole_reader(self, value: Value) -> Op | None:
        """The one operator that reads a value; None for a value with other readers, or one that is returned."""
        readers = self.readers[value]
        return readers[0] if len(readers) == 1 and value not in self.returned else None
