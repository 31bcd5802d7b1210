"""What a tensor keeps of the input's axes: which of its dimensions follow one, and which positions it reads there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from analyzer.dataflow.receptive_field.window import IDENTITY, Window, stretched

Axis = int
"""An axis of the input: 0, 1, ... in the order of the first convolution; before it, a negative number."""


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
    """All of it is read; of the window only the jump then counts."""
    aligned: bool = True
    irregular: bool = False
    """What is read follows a pattern too long to be followed, or none; the window is then an earlier one."""

    def seen_through(self, window: Window) -> Reach:
        """What is read through a window of what was read before."""
        if self.irregular:
            return self
        after = window.over(self.window)
        if after is None:
            return replace(self, irregular=True)
        return replace(self, window=Window.moving(after.jump) if self.whole else after)

    def globally(self) -> Reach:
        """All of it is read."""
        return self if self.whole else replace(self, window=Window.moving(self.window.jump), whole=True)


Dimension = tuple[Factor, ...]


def size_of(dimension: Dimension) -> int:
    """Elements of a dimension."""
    return prod(factor.size for factor in dimension)


@dataclass(frozen=True, slots=True)
class Axes:
    """A tensor's dimensions as factors, outermost first, and its reach along every axis of the input."""

    dimensions: tuple[Dimension, ...]
    reach: Mapping[Axis, Reach]

    @property
    def is_raw(self) -> bool:
        """Whether no convolution has said yet which axes are spatial."""
        return any(axis < 0 for axis in self.reach)

    @property
    def present(self) -> frozenset[Axis]:
        """The axes that some dimension follows."""
        return frozenset(f.axis for dimension in self.dimensions for f in dimension if f.axis is not None)

    def axes_at(self, place: int) -> frozenset[Axis]:
        """The axes that take part in a dimension."""
        return frozenset(factor.axis for factor in self.dimensions[place] if factor.axis is not None)

    def axis_of(self, place: int) -> Axis | None:
        """The axis that a dimension follows position by position."""
        dimension = self.dimensions[place]
        return dimension[0].axis if len(dimension) == 1 else None

    def mixed(self, places: Iterable[int]) -> Axes:
        """All positions of these dimensions flow together, and those of axes that no dimension follows any more."""
        lost = self.reach.keys() - self.present
        return self.global_along(lost.union(*map(self.axes_at, places)))

    def contracted(self, places: Iterable[int]) -> Axes:
        """All positions of these dimensions are summed over: the result follows none of them."""
        axes = self.mixed(places)
        for place in places:
            axes = axes.with_dimension(place, (Factor(None, size_of(axes.dimensions[place])),))
        return axes

    def global_along(self, axes: Iterable[Axis | None]) -> Axes:
        """The whole of these axes is read."""
        widened = {axis: self.reach[axis].globally() for axis in axes if axis is not None}
        return replace(self, reach={**self.reach, **widened}) if widened else self

    def irregular_along(self, axes: Iterable[Axis]) -> Axes:
        """What is read along these axes follows no pattern that a window tells."""
        return replace(self, reach={**self.reach, **{axis: replace(self.reach[axis], irregular=True) for axis in axes}})

    def merged(self, place: int) -> Axes:
        """Positions of an axis that are each repeated, by the factors after it, become positions of a stretched one."""
        axes, merged = self, list[Factor]()
        for factor in self.dimensions[place]:
            if factor.axis is not None or not merged or merged[-1].axis is None:
                merged.append(factor)
                continue
            axes = axes.seen_through(merged[-1].axis, stretched(factor.size))
            merged[-1] = Factor(merged[-1].axis, merged[-1].size * factor.size)
        return axes.with_dimension(place, tuple(merged)) if len(merged) < len(self.dimensions[place]) else self

    def resolved(self, place: int) -> Axes:
        """A dimension as positions of one axis, stretched where each is repeated; any other mixture is global."""
        axes = self.merged(place)
        dimension = axes.dimensions[place]
        if len(dimension) <= 1:
            return axes
        return axes.global_along(axes.axes_at(place)).with_dimension(place, (Factor(None, size_of(dimension)),))

    def seen_through(self, axis: Axis, window: Window) -> Axes:
        """The axis is read through a window."""
        return replace(self, reach={**self.reach, axis: self.reach[axis].seen_through(window)})

    def with_dimension(self, place: int, dimension: Dimension) -> Axes:
        """One dimension replaced."""
        place %= len(self.dimensions)
        return replace(self, dimensions=(*self.dimensions[:place], dimension, *self.dimensions[place + 1 :]))

    def fitted(self, shape: Sequence[int]) -> Axes:
        """Where a dimension has another size in this shape, which positions it holds is not known: all are read."""
        axes = self
        for place, size in enumerate(shape):
            if size_of(self.dimensions[place]) != size:
                axes = axes.selected(place, size)
        return axes

    def selected(self, place: int, size: int) -> Axes:
        """A dimension holds so many unknown positions of its axis: all of it is read."""
        return self.global_along(self.axes_at(place)).with_dimension(place, (Factor(self.axis_of(place), size),))

    def windowed(self, place: int, window: Window, size: int) -> Axes:
        """A dimension is read through a window and has another size then; one without an axis may mix lost ones."""
        place %= len(self.dimensions)
        axes = self.resolved(place)
        axis = axes.axis_of(place)
        if axis is not None:
            axes = axes if window == IDENTITY else axes.seen_through(axis, window)
        elif window.size > 1 and size_of(axes.dimensions[place]) > 1:
            axes = axes.mixed([place])
        return axes.with_dimension(place, (Factor(axis, size),))

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
    """What several tensors read between them: hulls, global where one is, unaligned where centres or jumps differ.

    Global as well where one element reads two places: an axis that two dimensions follow, or that a dimension of one
    operand follows while another holds a single place of it.
    """
    names = dict.fromkeys(axis for operand in operands for axis in operand.reach)
    places = Counter(axis for dimension in dimensions for axis in {factor.axis for factor in dimension})
    apart = {axis for axis in names if places[axis] > 1 or _is_fixed_beside_followed(axis, operands)}
    return Axes(dimensions, {axis: _joined(axis, operands) for axis in names}).global_along(apart)


def _is_fixed_beside_followed(axis: Axis, operands: Sequence[Axes]) -> bool:
    return len({axis in operand.present for operand in operands if axis in operand.reach}) > 1


def _joined(axis: Axis, operands: Sequence[Axes]) -> Reach:
    reaches = [operand.reach[axis] for operand in operands if axis in operand.reach]
    followed = [operand.reach[axis] for operand in operands if axis in operand.present]
    result, *others = dict.fromkeys(followed or reaches)
    for reach in others:
        result = _pair(result, reach)
    return result.globally() if any(reach.whole for reach in reaches) else result


def _pair(one: Reach, two: Reach) -> Reach:
    """What either reads; where one reads everything, the first one's jump is kept."""
    if one.whole or two.whole:
        return one.globally()
    irregular = one.irregular or two.irregular
    if one.window == two.window:
        return Reach(one.window, aligned=one.aligned and two.aligned, irregular=irregular)
    hull = one.window.hull(two.window)
    aligned = hull is not None and one.window.is_centred_like(two.window) and one.aligned and two.aligned
    return Reach(hull or max(one.window, two.window, key=lambda window: window.size), False, aligned, irregular)


def broadcast(operands: Sequence[Axes], shape: Sequence[int]) -> Axes:
    """Elementwise work on tensors aligned at their last dimensions."""
    if len(operands) == 1 and tuple(map(size_of, operands[0].dimensions)) == tuple(shape):
        return operands[0]
    operands = [_settled(operand) for operand in operands] if len(operands) > 1 else operands
    operands = [_repeated(operand, shape) for operand in operands]
    found = [_dimension(operands, place, size) for place, size in zip(range(-len(shape), 0), shape, strict=True)]
    met = {(axis, back) for o in operands for back in range(-len(o.dimensions), 0) for axis in o.axes_at(back)}
    places = Counter(axis for axis, _ in met)
    return together(operands, tuple(found)).global_along(axis for axis, number in places.items() if number > 1)


def _repeated(operand: Axes, shape: Sequence[int]) -> Axes:
    """Of a dimension of one that is repeated, every element reads the one position there is."""
    for back in range(-len(operand.dimensions), 0):
        if size_of(operand.dimensions[back]) == 1 != shape[back]:
            operand = operand.with_dimension(back, (Factor(None, 1),))
    return operand


def _settled(operand: Axes) -> Axes:
    """Dimensions that were cut and put together again become stretched axes, so that both sides tell them alike."""
    for place in range(len(operand.dimensions)):
        operand = operand.merged(place)
    return operand


def _dimension(operands: Sequence[Axes], back: int, size: int) -> Dimension:
    given = [o.dimensions[back] for o in operands if len(o.dimensions) >= -back]
    followed = {d for d in given if size_of(d) == size and any(f.axis is not None for f in d)}
    return followed.pop() if len(followed) == 1 else (Factor(None, size),)
