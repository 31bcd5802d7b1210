"""What a tensor keeps of the input's axes: which of its dimensions follow one, and which positions it reads there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from analyzer.dataflow.receptive_field.window import IDENTITY, Window, stretched

Axis = int
"""An axis of the input: 0, 1, ... in the order of the first convolution; before it, -1, -2, ... by dimension."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A part of a dimension: positions along an axis, or anything else (None)."""

    axis: Axis | None
    size: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What is read along one axis."""

    window: Window
    whole: bool = False
    """All of it is read; the window then says what is read beside global branches."""
    aligned: bool = True


Dimension = tuple[Factor, ...]


def size_of(dimension: Dimension) -> int:
    """Elements of a dimension."""
    return prod(factor.size for factor in dimension)


@dataclass(frozen=True, slots=True)
class Axes:
    """A tensor's dimensions as factors, outermost first, and its reach along every axis of the input."""

    dimensions: tuple[Dimension, ...]
    reach: Mapping[Axis, Reach]

    @classmethod
    def of_input(cls, shape: Sequence[int]) -> Axes:
        """Every dimension of an input is an axis, until a convolution tells which are spatial."""
        dimensions = tuple((Factor(-1 - place, size),) for place, size in enumerate(shape))
        return cls(dimensions, {-1 - place: Reach(IDENTITY) for place in range(len(shape))})

    @property
    def is_raw(self) -> bool:
        """Whether no convolution has said yet which axes are spatial."""
        return any(axis < 0 for axis in self.reach)

    @property
    def present(self) -> frozenset[Axis]:
        """The axes that some dimension follows."""
        return frozenset(f.axis for dimension in self.dimensions for f in dimension if f.axis is not None)

    def axis_of(self, place: int) -> Axis | None:
        """The axis that a dimension follows position by position."""
        dimension = self.dimensions[place]
        return dimension[0].axis if len(dimension) == 1 else None

    def mixed(self, places: Iterable[int]) -> Axes:
        """All positions of these dimensions flow together, and those of axes that no dimension follows any more."""
        here = {f.axis for place in places for f in self.dimensions[place] if f.axis is not None}
        lost = set(self.reach) - self.present
        return self.global_along(here | lost)

    def global_along(self, axes: Iterable[Axis | None]) -> Axes:
        """The whole of these axes is read."""
        widened = {axis: replace(self.reach[axis], whole=True) for axis in axes if axis is not None}
        return replace(self, reach={**self.reach, **widened}) if widened else self

    def resolved(self, place: int) -> Axes:
        """A dimension of positions each repeated r times becomes one stretched axis; any other mixture is global."""
        if len(self.dimensions[place]) <= 1:
            return self
        size = size_of(self.dimensions[place])
        head, *rest = self.dimensions[place]
        if head.axis is None or any(factor.axis is not None for factor in rest):
            axes = [factor.axis for factor in self.dimensions[place]]
            return self.global_along(axes).with_dimension(place, (Factor(None, size),))
        whole = self.with_dimension(place, (Factor(head.axis, size),))
        return whole.seen_through(head.axis, stretched(size // head.size))

    def seen_through(self, axis: Axis, window: Window) -> Axes:
        """The axis is read through a window."""
        reach = self.reach[axis]
        return replace(self, reach={**self.reach, axis: replace(reach, window=window.over(reach.window))})

    def with_dimension(self, place: int, dimension: Dimension) -> Axes:
        """One dimension replaced."""
        place %= len(self.dimensions)
        return replace(self, dimensions=(*self.dimensions[:place], dimension, *self.dimensions[place + 1 :]))

    def windowed(self, place: int, window: Window, size: int) -> Axes:
        """A dimension is read through a window and has another size then."""
        place %= len(self.dimensions)
        axes = self.resolved(place)
        axis = axes.axis_of(place)
        seen = axes if axis is None or window == IDENTITY else axes.seen_through(axis, window)
        return seen.with_dimension(place, (Factor(axis, size),))

    def named(self, places: Sequence[int]) -> Axes:
        """The axes that these dimensions follow become 0, 1, ...; all others are forgotten."""
        names = {axis: new for new, place in enumerate(places) if (axis := self.axis_of(place)) is not None}
        return self.renamed(names)

    def renamed(self, names: Mapping[Axis, Axis]) -> Axes:
        """Axes by other names; those without one are forgotten."""
        dimensions = tuple(
            tuple(Factor(None if f.axis is None else names.get(f.axis), f.size) for f in dimension)
            for dimension in self.dimensions
        )
        return Axes(dimensions, {names[axis]: reach for axis, reach in self.reach.items() if axis in names})


def plain(shape: Sequence[int]) -> tuple[Dimension, ...]:
    """Dimensions that follow no axis."""
    return tuple((Factor(None, size),) for size in shape)


def together(operands: Sequence[Axes], dimensions: tuple[Dimension, ...]) -> Axes:
    """What several tensors read between them: hulls, global where one is, unaligned where centres or jumps differ."""
    names = dict.fromkeys(axis for operand in operands for axis in operand.reach)
    return Axes(dimensions, {axis: _joined(axis, operands) for axis in names})


def _joined(axis: Axis, operands: Sequence[Axes]) -> Reach:
    all_reaches = [operand.reach[axis] for operand in operands if axis in operand.reach]
    here = [operand.reach[axis] for operand in operands if axis in operand.present] or all_reaches
    result, *others = dict.fromkeys(here)
    for reach in others:
        result = _pair(result, reach)
    return replace(result, whole=any(reach.whole for reach in all_reaches))


def _pair(one: Reach, two: Reach) -> Reach:
    if one.window == two.window:
        return Reach(one.window, aligned=one.aligned and two.aligned)
    hull = one.window.hull(two.window)
    aligned = hull is not None and one.window.is_centred_like(two.window) and one.aligned and two.aligned
    return Reach(hull or max(one.window, two.window, key=lambda window: window.size), aligned=aligned)


def broadcast(operands: Sequence[Axes], shape: Sequence[int]) -> Axes:
    """Elementwise work on tensors aligned at their last dimensions."""
    if len(operands) == 1 and tuple(map(size_of, operands[0].dimensions)) == tuple(shape):
        return operands[0]
    operands = same_names(operands)
    operands = [_settled(operand) for operand in operands] if len(operands) > 1 else operands
    found = [_dimension(operands, place, size) for place, size in zip(range(-len(shape), 0), shape, strict=True)]
    return together(operands, tuple(found))


def same_names(operands: Sequence[Axes]) -> Sequence[Axes]:
    """Where an input meets what convolutions made of it, its axes are those that lie at the same dimensions."""
    leader = next((operand for operand in operands if not operand.is_raw), None)
    if leader is None or not any(operand.is_raw for operand in operands):
        return operands
    return [_named_as(operand, leader) if operand.is_raw else operand for operand in operands]


def _named_as(raw: Axes, leader: Axes) -> Axes:
    names: dict[Axis, Axis] = {}
    for back in range(1, min(len(raw.dimensions), len(leader.dimensions)) + 1):
        old, new = raw.axis_of(-back), leader.axis_of(-back)
        if old is not None and new is not None:
            names[old] = new
    return raw.renamed(names)


def _settled(operand: Axes) -> Axes:
    """Dimensions that were cut and put together again become stretched axes, so that both sides tell them alike."""
    for place, dimension in enumerate(operand.dimensions):
        if len(dimension) > 1 and dimension[0].axis is not None and all(f.axis is None for f in dimension[1:]):
            operand = operand.resolved(place)
    return operand


def _dimension(operands: Sequence[Axes], back: int, size: int) -> Dimension:
    given = [o.dimensions[back] for o in operands if len(o.dimensions) >= -back]
    full = [d for d in given if size_of(d) == size] or given
    followed = {d for d in full if any(f.axis is not None for f in d)}
    return followed.pop() if len(followed) == 1 else (Factor(None, size),)
