"""What a trace recorded in two parts: a structure that sizes leave alone, and the integers that they change."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analyzer.formulas import cost_of, kind_of
from analyzer.formulas.count import Count
from analyzer.values.counts import Cost, Layer, Total
from analyzer.values.graph import Argument, ModuleCalls, Op, Tensor, Trace

Structure = tuple[Any, ...]
Integers = tuple[int, ...]
Fractions = tuple[float | complex, ...]
INTEGER, FRACTION, TENSOR, LIST = "integer", "fraction", "tensor", "list"
"""What stands in a structure for an integer, for a fraction (only that it is one), and before tensors and lists."""


@dataclass(frozen=True)
class Stream:
    """One trace taken apart."""

    operators: tuple[Structure, ...]
    """Name, layer, tags, arguments and outputs of every operator that works or allocates, in order of execution."""
    modules: tuple[Structure, ...]
    """Path, kind, number of calls and ranks of every module."""
    integers: tuple[Integers, ...]
    """Sizes of tensors and integer arguments of every operator, then sizes of every module."""
    fractions: tuple[Fractions, ...]
    """Fractions and complex numbers among the arguments of every operator."""
    memory: tuple[tuple[int, int | None], ...]
    """Which operators allocated each piece of memory and let it go."""
    nbytes: Integers
    """Of each piece of memory."""
    owners: tuple[str, ...]
    """The layer that each operator belongs to."""
    rows: tuple[Layer, ...]
    """The layers that an analysis has rows for."""
    total: Total


def stream_of(count: Count) -> Stream:
    """Take a trace apart; operators that cost nothing and allocate nothing, as views, are left out."""
    trace, kept = count.trace, working_operators(count.trace)
    operators, integers, fractions = _columns(taken_apart(kept), 3)
    modules, sizes = _columns([_of_module(module) for module in trace.modules], 2)
    memory = _memory(trace, set(kept))
    nbytes = tuple(piece.nbytes for piece in trace.allocations)
    owners = tuple(count.owners[op] for op in kept)
    return Stream(operators, modules, (*integers, *sizes), fractions, memory, nbytes, owners, count.layers, count.total)


def _columns(rows: Sequence[tuple[Any, ...]], number: int) -> tuple[tuple[Any, ...], ...]:
    return tuple(zip(*rows, strict=True)) or ((),) * number


def working_operators(trace: Trace) -> list[Op]:
    """The operators that cost or allocate something."""
    return [op for op in trace.graph if not _is_idle(op)]


def _is_idle(op: Op) -> bool:
    old = {tensor.storage for tensor in op.inputs}
    return all(output.storage in old for output in op.outputs) and kind_of(op) == "free" and cost_of(op) == Cost()


def taken_apart(ops: Sequence[Op]) -> list[tuple[Structure, Integers, Fractions]]:
    """Structure, integers and fractions of every operator; memory is numbered as it is first seen."""
    storages = defaultdict[int, int](itertools.count().__next__)
    return [_of_op(op, storages) for op in ops]


def _memory(trace: Trace, kept: set[Op]) -> tuple[tuple[int, int | None], ...]:
    """When memory is allocated and let go, as numbers of the operators that are kept."""
    place = [number - 1 for number in itertools.accumulate(op in kept for op in trace.graph)]
    return tuple(
        (place[piece.born], None if piece.freed is None else place[min(piece.freed, len(place) - 1)])
        for piece in trace.allocations
    )


def _of_op(op: Op, storages: Mapping[int, int]) -> tuple[Structure, Integers, Fractions]:
    found: list[Any] = []
    fractions: list[Any] = []

    def apart(value: Argument) -> Any:
        if isinstance(value, Tensor):
            found.extend(value.shape)
            kind = len(value.shape), value.dtype, value.itemsize, value.nnz
            return TENSOR, *kind, storages[value.storage], value.weight
        if isinstance(value, tuple):
            return LIST, *map(apart, value)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, str):
            return "object" if " at 0x" in value else f"={value}"
        is_whole = isinstance(value, int) or type(value).__name__ == "SymInt"
        numbers: list[Any] = found if is_whole else fractions
        numbers.append(value)
        return INTEGER if is_whole else FRACTION

    arguments = tuple((name, apart(value)) for name, value in op.arguments.items() if name != "device")
    outputs = tuple(map(apart, op.outputs))
    return (op.name, op.layer, op.tags, arguments, outputs), tuple(found), tuple(fractions)


def _of_module(module: ModuleCalls) -> tuple[Structure, Integers]:
    shapes = module.input_shapes, module.output_shapes
    ranks = tuple(tuple(map(len, each)) for each in shapes)
    sizes = tuple(size for each in shapes for shape in each for size in shape)
    return (module.path, module.kind, module.calls, *ranks), sizes


def op_of(structure: Structure, integers: Sequence[Any], fractions: Fractions) -> Op:
    """The operator of a structure with other integers in it."""
    name, layer, tags, arguments, outputs = structure
    left = iter(integers), iter(fractions)
    bound = {key: _put_together(value, left) for key, value in arguments}
    results = tuple(_put_together(output, left) for output in outputs)
    return Op(name, bound, results, layer, tags)


def _put_together(structure: Any, left: tuple[Iterator[Any], Iterator[float | complex]]) -> Any:
    integers, fractions = left
    if structure == INTEGER:
        return next(integers)
    if structure == FRACTION:
        return next(fractions)
    if isinstance(structure, str):
        return structure.removeprefix("=")
    if not isinstance(structure, tuple):
        return structure
    if structure[0] == LIST:
        return tuple(_put_together(item, left) for item in structure[1:])
    _, rank, dtype, itemsize, nnz, storage, weight = structure
    return Tensor(tuple(next(integers) for _ in range(rank)), dtype, itemsize, storage, weight, nnz)


@dataclass(frozen=True)
class StreamDifference:
    """The first operator or module in which two streams are not the same."""

    here: str
    layer: str
    there: str
    other_layer: str


def first_difference(one: Stream, two: Stream) -> StreamDifference | None:
    """Where two streams part; None when they are the same in all but their integers."""
    if difference := operator_difference(one.operators, two.operators):
        return difference
    for here, there in itertools.zip_longest(one.modules, two.modules, fillvalue=("", "nothing more", 0)):
        if here != there:
            return StreamDifference(f"{here[1]}, {here[2]} calls", here[0], f"{there[1]}, {there[2]} calls", there[0])
    return None


def operator_difference(one: Sequence[Structure], two: Sequence[Structure]) -> StreamDifference | None:
    """The first operator that is not the same; None when all are."""
    for here, there in itertools.zip_longest(one, two, fillvalue=("nothing more", "")):
        if here != there:
            return StreamDifference(*named(here), *named(there))
    return None


def named(structure: Structure) -> tuple[str, str]:
    """An operator as people know it, and its layer."""
    return str(structure[0]).removesuffix(".default"), structure[1]
