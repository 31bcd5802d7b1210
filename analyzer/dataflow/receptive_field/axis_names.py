"""What axes are called: raw ones for an input's dimensions, 0, 1, ... once a convolution says which are spatial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analyzer.dataflow.flow import Value
from analyzer.dataflow.receptive_field.axes import Axes, Axis, Factor, Reach
from analyzer.dataflow.receptive_field.window import IDENTITY
from analyzer.values.graph import Op
from analyzer.values.operator_classes import JOINS, is_pointwise

MOST_DIMENSIONS = 64
SLIDING = {"aten.convolution": "input", "aten.im2col": "self"}
"""Operators that say which axes are spatial, and the argument that they slide over."""
ALIGNED = JOINS | {"aten.stack"}
"""What lays tensors over each other dimension by dimension, beside elementwise work."""


class AxisNames:
    """The axes of every input; inputs of one shape share theirs."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[int, ...], int] = {}
        self._names: dict[Axis, Axis] = {}

    def of_input(self, shape: tuple[int, ...]) -> Axes:
        """Every dimension of an input is a raw axis, until a convolution shows which are spatial."""
        first = -1 - MOST_DIMENSIONS * self._shapes.setdefault(shape, len(self._shapes))
        dimensions = tuple((Factor(first - place, size),) for place, size in enumerate(shape))
        return Axes(dimensions, {first - place: Reach(IDENTITY) for place in range(len(shape))})

    def named(self, shape: tuple[int, ...]) -> dict[int, Axis]:
        """The dimensions of an input of this shape that convolutions slid over, and their names."""
        raw = self.of_input(shape).dimensions
        return {
            place: self._names[f.axis] for place, (f,) in enumerate(raw) if f.axis is not None and f.axis in self._names
        }

    def shared(self, op: Op, data: Value | None, operands: Mapping[Value, Axes]) -> dict[Value, Axes]:
        """The operands of an operator under common names; `data` is the value that a convolution slides over.

        Raw axes take the names that a convolution gave them. Those of an input that was never convolved go by where
        they lie, in elementwise work and joins; elsewhere they are no axis of what was.
        """
        if data is not None and data in operands:
            return {**operands, data: self._spatial(operands[data], op)}
        leader = next((axes for axes in operands.values() if not axes.is_raw), next(iter(operands.values())))
        is_aligned = is_pointwise(op) or op.packet in ALIGNED
        return {value: self.like(axes, leader, is_aligned) for value, axes in operands.items()}

    def like(self, axes: Axes, leader: Axes, is_aligned: bool = True) -> Axes:
        """The axes by the names of a leader's; as they are where neither is spatial yet and they do not align."""
        if not axes.is_raw or axes.reach.keys() == leader.reach.keys():
            return axes
        own = {axis: self._names[axis] for axis in axes.reach if axis in self._names}
        if own and not leader.is_raw:
            return axes.renamed(own)
        if is_aligned:
            return axes.renamed(_by_place(axes, leader))
        return axes if leader.is_raw else axes.renamed({})

    def _spatial(self, axes: Axes, op: Op) -> Axes:
        """What a convolution slides over: its raw axes become 0, 1, ... or what they are called already."""
        if not axes.is_raw:
            return axes
        space = [axis for place in _space(op, axes) if (axis := axes.axis_of(place)) is not None]
        taken = {name for axis, name in self._names.items() if axis in axes.reach}
        free = iter(name for name in range(MOST_DIMENSIONS) if name not in taken)
        for axis in space:
            if axis not in self._names:
                self._names[axis] = next(free)
        return axes.renamed({axis: self._names[axis] for axis in space})


def _space(op: Op, axes: Axes) -> Sequence[int]:
    rank = len(axes.dimensions)
    count = 2 if op.packet == "aten.im2col" else len(op.tensor("weight").shape) - 2
    return range(rank - count, rank)


def _by_place(axes: Axes, leader: Axes) -> dict[Axis, Axis]:
    """Names of the axes that lie at the same dimensions, counted from the last."""
    names: dict[Axis, Axis] = {}
    for back in range(1, min(len(axes.dimensions), len(leader.dimensions)) + 1):
        old, new = axes.axis_of(-back), leader.axis_of(-back)
        if old is not None and new is not None:
            names[old] = new
    return names
