"""Costs of every operator as polynomials: counted at synthesized sizes, interpolated, and checked far away."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from analyzer.formulas import cost_of
from analyzer.scaling.fit import LatticeFit
from analyzer.scaling.interpolation import degree, interpolation
from analyzer.scaling.stream import TENSOR, op_of
from analyzer.values.scaling import Polynomial

Amounts = tuple[int, int, int]
"""MACs, other FLOPs, and elements of tensors that are neither views nor written in place."""
HIGHEST = 6
"""The highest power of one size that is looked for."""
APART = 1009, 40009
"""How far off, in lattice steps, polynomials are checked."""


@dataclass(frozen=True)
class OperatorCosts:
    """What the operators of a fit cost; those that differ in nothing but names are of one kind."""

    fit: LatticeFit

    @cached_property
    def kinds(self) -> tuple[int, ...]:
        """For every operator the number of its kind."""
        known: dict[Hashable, int] = {}
        rows = zip(self.fit.stream.operators, self.fit.stream.fractions, self.fit.numbers, strict=False)
        return tuple(known.setdefault((_nameless(structure), *rest), len(known)) for structure, *rest in rows)

    @cached_property
    def _firsts(self) -> list[int]:
        """The first operator of every kind."""
        first: dict[int, int] = {}
        for index, kind in enumerate(self.kinds):
            first.setdefault(kind, index)
        return list(first.values())

    @cached_property
    def polynomials(self) -> list[tuple[Polynomial | None, ...]]:
        """The amounts of every kind; None for what is no polynomial, as the logarithm of a Fourier transform."""
        degrees = [self._degree(place) for place in range(len(self.fit.base))]
        grid, through = interpolation(self.fit.base, degrees)
        far = [tuple(base + apart * (place + 1) for place, base in enumerate(self.fit.base)) for apart in APART]
        at_grid = zip(*map(self._amounts, grid), strict=True)
        at_far = zip(*map(self._amounts, far), strict=True)
        rows = []
        for values, expected in zip(at_grid, at_far, strict=True):
            found = [through(value) for value in zip(*values, strict=True)]
            checks = zip(found, zip(*expected, strict=True), strict=True)
            rows.append(tuple(each if tuple(map(each.at, far)) == amounts else None for each, amounts in checks))
        return rows

    def _degree(self, place: int) -> int:
        """The highest power of one variable in any amount."""
        line = [
            (*self.fit.base[:place], self.fit.base[place] + more, *self.fit.base[place + 1 :])
            for more in range(HIGHEST + 2)
        ]
        columns = (column for kind in zip(*map(self._amounts, line), strict=True) for column in zip(*kind, strict=True))
        return max((degree(column) or 0 for column in set(columns)), default=0)

    def _amounts(self, steps: Sequence[int]) -> list[Amounts]:
        """What an operator of each kind costs at a point of the lattice; nothing where it has no count."""
        values = self.fit.values(steps)
        return [self._amount(index, values) for index in self._firsts]

    def _amount(self, index: int, values: Sequence[int]) -> Amounts:
        integers = tuple(values[number] for number in self.fit.numbers[index])
        stream = self.fit.stream
        op = op_of(stream.operators[index], integers, stream.fractions[index])
        cost, old = cost_of(op), {tensor.storage for tensor in op.inputs}
        elements = sum(output.numel for output in op.outputs if output.storage not in old)
        return (0, 0, elements) if cost is None else (cost.macs, cost.other_flops, elements)


def _nameless(structure: Any) -> Any:
    """An operator's structure without its layer and its weights' names, memory numbered from 0."""
    name, _, tags, arguments, outputs = structure
    storages: dict[int, int] = {}
    return name, tags, _renumbered(arguments, storages), _renumbered(outputs, storages)


def _renumbered(structure: Any, storages: dict[int, int]) -> Any:
    if not isinstance(structure, tuple):
        return structure
    if structure[:1] == (TENSOR,):
        *kept, storage, _ = structure
        return *kept, storages.setdefault(storage, len(storages))
    return tuple(_renumbered(item, storages) for item in structure)
