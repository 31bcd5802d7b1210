"""How a view deals the elements of dimensions to other dimensions."""

from __future__ import annotations

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
    old = [size_of(dimension) for dimension in axes.dimensions]
    dimensions: list[Dimension] = []
    for before, after in groups(old, shape):
        sizes = [shape[place] for place in after]
        if len(before) == 1 and len(after) == 1:
            dimensions.append(axes.dimensions[before[0]])
            continue
        factors = [f for place in before for f in axes.dimensions[place] if f.size > 1]
        axes, dealt = _dealt(axes, factors, sizes)
        dimensions.extend(dealt)
    return replace(axes, dimensions=tuple(dimensions))


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
