"""Operators that let all positions of some dimensions flow together: statistics, reductions, products, attention."""

from __future__ import annotations

from analyzer.dataflow.receptive_field.axes import Axes, Factor, broadcast, plain, together
from analyzer.dataflow.receptive_field.operands import Given, loaded, shape_of
from analyzer.values.graph import Op

FACTORS = (("mat1", "mat2"), ("batch1", "batch2"), ("self", "mat2"))
"""Arguments that products multiply."""


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
    axes = loaded(given)
    return axes.mixed([op.integer("dim") % len(axes.dimensions)] if axes.dimensions else [])


def reduced(op: Op, given: Given) -> Axes:
    """Mean, sum, maximum: mixes dimensions, which are gone then or of size one."""
    axes, shape = loaded(given), shape_of(op)
    rank = len(axes.dimensions)
    places = {place % rank for place in op.integers("dim") if rank} or set(range(rank))
    mixed = axes.mixed(places)
    if len(shape) == rank:
        for place in places:
            mixed = mixed.with_dimension(place, (Factor(None, 1),))
        return mixed
    kept = tuple(dimension for place, dimension in enumerate(mixed.dimensions) if place not in places)
    return Axes(kept, mixed.reach)


def product(op: Op, given: Given) -> Axes:
    """(..., n, k) × (..., k, m): rows keep their positions, what is summed over is mixed; `addmm` adds a tensor."""
    left_name, right_name = next(names for names in FACTORS if names[0] in op.arguments)
    left, right, shape = given.get(left_name), given.get(right_name), shape_of(op)
    dimensions = list(plain(shape))
    operands = []
    if left is not None:
        operands.append(left.contracted([-1]))
        dimensions[:-1] = left.dimensions[:-1]
    if right is not None:
        operands.append(right.contracted([-2]))
        dimensions[-1] = right.dimensions[-1]
        dimensions[:-2] = dimensions[:-2] if left is not None else right.dimensions[:-2]
    multiplied = together(operands, tuple(dimensions))
    return broadcast([multiplied, given["self"]], shape) if left_name != "self" and "self" in given else multiplied


def linear(op: Op, given: Given) -> Axes:
    """The last dimension is mixed."""
    axes = loaded(given)
    return axes.mixed([len(axes.dimensions) - 1]).with_dimension(-1, (Factor(None, shape_of(op)[-1]),))


def attention(op: Op, given: Given) -> Axes:
    """Each query reads all keys and values of its batch and head; a mask may depend on the input too."""
    mixed = {"query": [-1], "key": [-2, -1], "value": [-2, -1], "attn_mask": [-1]}
    operands = [given[name].contracted(places) for name, places in mixed.items() if name in given]
    dimensions, query = list(plain(shape_of(op))), given.get("query")
    if query is not None:
        kept = query.dimensions[:-1]
        dimensions[-1 - len(kept) : -1] = kept
    return together(operands, tuple(dimensions))
