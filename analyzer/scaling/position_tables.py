"""Where a forward looks up positions beyond the last row of a table, which tensors without values do not show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from analyzer.scaling.fit import LatticeFit
from analyzer.scaling.stream import op_of
from analyzer.values.graph import Tensor
from analyzer.values.scaling import Polynomial

TABLES = {
    "aten.embedding.default": ("weight", "indices"),
    "aten.index_select.default": ("self", "index"),
}
"""What is looked up in, and the argument that says where."""
KEPT = ("aten._to_copy", "aten.clone", "aten.repeat", "aten.expand_copy", "aten.masked_fill", "aten.abs")
"""Operators whose results are no larger than their first argument."""


@dataclass(frozen=True)
class Lookup:
    """Positions that are looked up in a table."""

    layer: str
    rows: int
    last: Polynomial
    """The largest position."""


def lookups(fit: LatticeFit) -> Iterator[Lookup]:
    """Every lookup of positions that count along a size, with the largest of them as a function of the sizes.

    Values are followed from where they are counted (`arange`) through sums, products and copies; what goes another way
    is not known, and no lookup. Memory is followed as a whole: a part of it has the largest value of all of it.
    """
    largest: dict[int, Polynomial] = {}
    rows = zip(fit.stream.operators, fit.numbers, fit.stream.fractions, strict=False)
    for structure, numbers, fractions in rows:
        op = op_of(structure, [fit.polynomials[number] for number in numbers], fractions)
        table, indices = (op.arguments.get(name) for name in TABLES.get(op.name, ("", "")))
        if isinstance(table, Tensor) and isinstance(indices, Tensor) and indices.storage in largest:
            size: Any = table.shape[0]
            if not any(size.degree(place) for place in range(len(fit.base))):
                yield Lookup(op.layer, size.at(fit.base), largest[indices.storage])
        found = _largest(op, largest, len(fit.base))
        for output in op.outputs:
            if found is not None:
                largest[output.storage] = found
            elif output.storage not in {tensor.storage for tensor in op.inputs}:
                largest.pop(output.storage, None)


def _largest(op: Any, known: dict[int, Polynomial], variables: int) -> Polynomial | None:
    """The largest value that an operator returns; None where that is not known."""
    name, one = op.name.rpartition(".")[0], _of(op.arguments.get("self"), known)
    end, other = op.arguments.get("end"), _of(op.arguments.get("other"), known)
    if name == "aten.arange" and isinstance(end, Polynomial) and "step" not in op.arguments:
        return end - _constant(1, variables)
    if name in ("aten.ones", "aten.ones_like"):
        return _constant(1, variables)
    if name in KEPT or one is None:
        return one
    if name == "aten.cumsum":
        length: Polynomial = op.arguments["self"].shape[op.arguments["dim"].at((0,) * variables)]
        return one * length
    if name == "aten.sub" and isinstance(op.arguments["other"], Tensor):
        return None  # it takes the least of what is subtracted to know the largest result
    results = {"aten.add": Polynomial.__add__, "aten.sub": Polynomial.__sub__, "aten.mul": Polynomial.__mul__}
    return results[name](one, other) if name in results and other is not None else None


def _of(value: Any, known: dict[int, Polynomial]) -> Polynomial | None:
    if isinstance(value, Tensor):
        return known.get(value.storage)
    return value if isinstance(value, Polynomial) else None


def _constant(value: int, variables: int) -> Polynomial:
    return Polynomial.of({(0,) * variables: value})
