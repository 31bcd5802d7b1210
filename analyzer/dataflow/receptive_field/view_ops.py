"""Operators that move elements about without reading across positions: views, turns, parts, concatenation."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.dataflow.receptive_field.axes import Axes, Dimension, Factor, broadcast, plain, together
from analyzer.dataflow.receptive_field.operands import Given, loaded, shape_of
from analyzer.dataflow.receptive_field.reshape import viewed
from analyzer.values.graph import Op, tensors_of


def take(op: Op, given: Given) -> Axes:
    """One position of a dimension, which is gone then."""
    axes, place = loaded(given), op.axis()
    return Axes((*axes.dimensions[:place], *axes.dimensions[place + 1 :]), axes.reach)


def parts(op: Op, given: Given) -> Axes:
    """One of the parts that a dimension is split into; of an axis, each begins elsewhere, so they are read globally."""
    axes, place = loaded(given), op.axis()
    if len(shape_of(op)) < len(axes.dimensions):
        return take(op, given)
    return axes.selected(place, shape_of(op)[place])


def view(op: Op, given: Given) -> Axes:
    """The same elements in another shape."""
    return viewed(loaded(given), shape_of(op))


def permute(op: Op, given: Given) -> Axes:
    """Dimensions in another order."""
    axes = loaded(given)
    return Axes(tuple(axes.dimensions[place] for place in op.order()), axes.reach)


def expand(op: Op, given: Given) -> Axes:
    """Dimensions of size one, and new ones in front, repeated."""
    return broadcast([loaded(given)], shape_of(op))


def joined(op: Op, given: Given) -> Axes:
    """Concatenation: like elementwise work on all other dimensions; along an axis its positions are lost."""
    operands, shape, place = list(_all(op, given)), shape_of(op), op.axis()
    blank: Dimension = (Factor(None, shape[place]),)
    return broadcast([operand.with_dimension(place, blank) for operand in operands], shape)


def stacked(op: Op, given: Given) -> Axes:
    """A new dimension with a tensor at each place."""
    shape = shape_of(op)
    place = op.integer("dim") % len(shape)
    blank: Dimension = (Factor(None, shape[place]),)
    grown = [Axes((*o.dimensions[:place], blank, *o.dimensions[place:]), o.reach) for o in _all(op, given)]
    return broadcast(grown, shape)


def _all(op: Op, given: Given) -> Sequence[Axes]:
    names = [f"tensors.{index}" for index, _ in enumerate(tensors_of(op.arguments["tensors"]))]
    return [given[name] for name in names if name in given]


def indexed(op: Op, given: Given) -> Axes:
    """Chosen places of one dimension, which are not known: other dimensions are left alone."""
    axes, shape = loaded(given), shape_of(op)
    chosen = op.arguments.get("indices", ())
    places = [place for place, index in enumerate(chosen) if index is not None] if isinstance(chosen, tuple) else []
    if "dim" in op.arguments:
        places = [op.axis()]
    if len(places) != 1 or len(shape) != len(axes.dimensions):
        return together([axes.global_along(axes.reach)], plain(shape))
    return axes.selected(places[0], shape[places[0]])


def looked_up(op: Op, given: Given) -> Axes:
    """Embedding: a vector for every index."""
    return Axes((*given["indices"].dimensions, (Factor(None, shape_of(op)[-1]),)), given["indices"].reach)


def shuffled(_: Op, given: Given) -> Axes:
    """`nn.ChannelShuffle`: channels in another order, space left alone."""
    axes = loaded(given)
    return axes.global_along(axes.axes_at(1))
