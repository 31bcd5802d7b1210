"""Operators that let all positions of some dimensions flow together: statistics, reductions, products, attention."""

from __future__ import annotations

from analyzer.dataflow.receptive_field.axes import Axes, Factor, plain, same_names, together
from analyzer.dataflow.receptive_field.operands import Given, loaded, shape_of
from analyzer.values.graph import Op


def channelwise(op: Op, given: Given) -> Axes:
    """Batch normalization: statistics of this batch make it global, stored ones leave every position to itself."""
    axes = loaded(given)
    uses_batch = op.arguments.get("training", "no_training" not in op.packet and "no_update" not in op.packet)
    return axes.mixed(place for place in range(len(axes.dimensions)) if place != 1) if uses_batch else axes


def layer_norm(op: Op, given: Given) -> Axes:
    """Mixes the last dimensions."""
    axes = loaded(given)
    count = len(op.integers("normalized_shape"))
    return axes.mixed(range(len(axes.dimensions) - count, len(axes.dimensions)))


def group_norm(_: Op, given: Given) -> Axes:
    """Mixes all of an example."""
    axes = loaded(given)
    return axes.mixed(range(1, len(axes.dimensions)))


def along(op: Op, given: Given) -> Axes:
    """Softmax, cumulative sums, sorting: mixes one dimension and keeps it."""
    return loaded(given).mixed([op.integer("dim") % len(loaded(given).dimensions)])


def reduced(op: Op, given: Given) -> Axes:
    """Mean, sum, maximum: mixes dimensions, which are gone then or of size one."""
    axes, shape = loaded(given), shape_of(op)
    rank = len(axes.dimensions)
    places = {place % rank for place in op.integers("dim")} or set(range(rank))
    mixed = axes.mixed(places)
    if len(shape) == rank:
        for place in places:
            mixed = mixed.with_dimension(place, (Factor(None, 1),))
        return mixed
    kept = tuple(dimension for place, dimension in enumerate(mixed.dimensions) if place not in places)
    return Axes(kept, mixed.reach)


def product(op: Op, given: Given) -> Axes:
    """(..., n, k) × (..., k, m): rows keep their positions, what is summed over is mixed."""
    left_name, right_name = ("self", "mat2") if "mat1" not in op.arguments else ("mat1", "mat2")
    left_name, right_name = ("batch1", "batch2") if "batch1" in op.arguments else (left_name, right_name)
    left, right, shape = given.get(left_name), given.get(right_name), shape_of(op)
    dimensions = list(plain(shape))
    operands = []
    if left is not None:
        operands.append(left.mixed([len(shape) - 1]))
        dimensions[:-1] = left.dimensions[:-1]
    if right is not None:
        operands.append(right.mixed([len(shape) - 2]))
        dimensions[-1] = right.dimensions[-1]
        dimensions[:-2] = dimensions[:-2] if left is not None else right.dimensions[:-2]
    return together(same_names(operands), tuple(dimensions))


def linear(op: Op, given: Given) -> Axes:
    """The last dimension is mixed."""
    axes = loaded(given)
    return axes.mixed([len(axes.dimensions) - 1]).with_dimension(-1, (Factor(None, shape_of(op)[-1]),))


def attention(op: Op, given: Given) -> Axes:
    """Each query reads all keys and values of its batch and head."""
    rank = len(shape_of(op))
    keys = [given[name].mixed([rank - 2, rank - 1]) for name in ("key", "value") if name in given]
    query = given["query"].mixed([rank - 1]) if "query" in given else None
    dimensions = query.dimensions if query is not None else plain(shape_of(op))
    return together(
        same_names([*([query] if query else []), *keys]), (*dimensions[:-1], (Factor(None, shape_of(op)[-1]),))
    )
