"""How a view deals the elements of dimensions to other dimensions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from analyzer.dataflow.receptive_field.axes import Axes, Dimension, Factor, size_of
from analyzer.dataflow.receptive_field.window import Window


def groups(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[range, range]]:
    """The smallest runs of old and new dimensions that hold the same elements, in order."""
    i = j = 0
    while i < len(old) or j < len(new):
        start_i, start_j, left, right = i, j, 1, 1
        if i < len(old):
            left, i = old[i], i + 1
        if j < len(new):
            right, j = new[j], j + 1
        while left != right and (i < len(old) or j < len(new)):
            if (left < right and i < len(old)) or j >= len(new):
                left, i = left * old[i], i + 1
            else:
                right, j = right * new[j], j + 1
        yield range(start_i, i), range(start_j, j)


def viewed(axes: Axes, shape: Sequence[int]) -> Axes:
    """The tensor seen in another shape; a dimension that cannot be dealt out whole is read globally."""
    found = _single(axes, shape)
    old = [place for place, dimension in enumerate(axes.dimensions) if size_of(dimension) != 1]
    new = [place for place, size in enumerate(shape) if size != 1]
    for before, after in groups([size_of(axes.dimensions[place]) for place in old], [shape[place] for place in new]):
        if len(before) == 1 and len(after) == 1:
            found[new[after[0]]] = axes.dimensions[old[before[0]]]
            continue
        factors = [f for place in before for f in axes.dimensions[old[place]] if f.size > 1]
        axes, dealt = _dealt(axes, factors, [shape[new[place]] for place in after])
        found.update(zip([new[place] for place in after], dealt, strict=True))
    return replace(axes, dimensions=tuple(found[place] for place in range(len(shape))))


def _single(axes: Axes, shape: Sequence[int]) -> dict[int, Dimension]:
    """The new dimensions of size one, each with the old one of size one between the same others.

    Where there are more or fewer of them now, those that follow an axis take the last ones: space comes last.
    """
    old, new = _between([size_of(dimension) for dimension in axes.dimensions]), _between(shape)
    found: dict[int, Dimension] = {place: (Factor(None, 1),) for places in new.values() for place in places}
    for elements, places in new.items():
        before = old.get(elements, [])
        if len(before) != len(places):
            before = [place for place in before if axes.axes_at(place)]
        pairs = zip(reversed(places), reversed(before), strict=False)
        found.update((place, axes.dimensions[own]) for place, own in pairs)
    return found


def _between(shape: Sequence[int]) -> dict[int, list[int]]:
    """The dimensions of size one by how many elements the dimensions before them hold together."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    elements = 1
    for place, size in enumerate(shape):
        elements *= size
        if size == 1:
            found[elements].append(place)
    return found


def _dealt(axes: Axes, factors: list[Factor], sizes: Sequence[int]) -> tuple[Axes, list[Dimension]]:
    left = list(reversed(factors))
    dealt: list[Dimension] = []
    for size in sizes:
        dimension: list[Factor] = []
        while size > 1:
            factor = left.pop() if left else Factor(None, 0)
            if factor.size and size % factor.size == 0:
                dimension.append(factor)
                size //= factor.size
                continue
            if not factor.size or factor.size % size:
                return axes.global_along(f.axis for f in factors), [(Factor(None, each),) for each in sizes]
            inner = factor.size // size
            if factor.axis is not None:
                axes = axes.seen_through(factor.axis, Window((0,), (inner - 1,), inner))
            dimension.append(Factor(factor.axis, size))
            left.append(Factor(None, inner))
            size = 1
        dealt.append(tuple(dimension) or (Factor(None, 1),))
    return axes, dealt
