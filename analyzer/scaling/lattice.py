"""Name the sizes of a model's inputs and say which lattice each of them is tried on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import lcm

from analyzer.values.counts import Input, Layer
from analyzer.values.errors import Problem
from analyzer.values.scaling import Dimension

FARTHEST = {"batch": 1024, "frames": 256, "sequence": 2**17}
"""Sizes up to which formulas are tried; of pictures and signals `PIXELS`."""
PIXELS = 8192
WHOLE = ("int", "uint", "bool")


def dimensions_of(inputs: Sequence[Input], names: Mapping[str, Sequence[str]]) -> tuple[Dimension, ...]:
    """Every size that may change, those of one name and size being one.

    `names` are what the user calls the axes of inputs, "" for none; where any has a name, all others are numbers.
    Raises Problem where two sizes of one such name differ.
    """
    found: dict[str, Dimension] = {}
    for given in inputs:
        kinds = axis_names(given)
        own = names.get(given.name) or (("",) * len(kinds) if names else kinds)
        for axis, (name, kind) in enumerate(zip(own, kinds, strict=True)):
            if not name:
                continue
            known, size = found.get(name), given.shape[axis]
            if known is not None and known.example != size:
                if names:
                    raise Problem(f"{name} is {known.example} and {size} in the example; one name is one size")
                name, known = f"{given.name}.{name}", None
            first = known or Dimension(name, size, kind=kind or "")
            found[name] = replace(first, places=(*first.places, (given.name, axis)))
    return tuple(found.values())


def axis_names(given: Input) -> tuple[str | None, ...]:
    """What the axes of an input are by its rank and dtype; None for one that is no size, as channels are."""
    rank, shape = len(given.shape), given.shape
    if given.dtype.startswith(WHOLE) and rank <= 3:
        return ("batch", "sequence", None)[:rank] if rank > 1 else ("sequence",)
    if rank == 3 and shape[0] in (1, 3) and min(shape[1:]) >= 16 and shape[0] == 3:
        return None, "height", "width"
    if rank == 5 and shape[2] == 3 != shape[1]:
        return "batch", "frames", None, "height", "width"
    named = {
        1: ("length",),
        2: ("batch", "length"),
        3: ("batch", "sequence", "length"),
        4: ("batch", None, "height", "width"),
        5: ("batch", None, "frames", "height", "width"),
    }
    return named.get(rank, (None,) * rank)


def with_periods(dimensions: Iterable[Dimension], layers: Sequence[Layer]) -> tuple[Dimension, ...]:
    """The same on the coarsest grid that any layer's output has, where that is known; else on every size."""
    jumps = [layer.jump for layer in layers if layer.jump]
    return tuple(on_period(item, _common(jumps, item.kind)) for item in dimensions)


def _common(jumps: Sequence[tuple[int, ...]], kind: str) -> int:
    """The least common multiple of the distances between neighbouring outputs along an axis; the last is the width."""
    place = {"height": -2, "width": -1, "length": -1, "frames": -3}.get(kind)
    steps = [int(jump[place]) for jump in jumps if place is not None and len(jump) >= -place]
    return lcm(*(step for step in steps if step > 0)) if steps else 1


def on_period(dimension: Dimension, period: int) -> Dimension:
    """The lattice of this period through the example."""
    return replace(dimension, period=period, offset=dimension.example % period)


def farthest(dimension: Dimension) -> int:
    """The largest size at which formulas are checked."""
    return max(FARTHEST.get(dimension.kind, PIXELS), 4 * dimension.example)


def periods_to_try(dimension: Dimension) -> list[int]:
    """Periods from the finest to the coarsest: powers of two, the guess, the example's own size."""
    powers = [2**exponent for exponent in range(9) if 2**exponent < dimension.example]
    return sorted({1, dimension.period, *powers, lcm(dimension.period, dimension.example)})
