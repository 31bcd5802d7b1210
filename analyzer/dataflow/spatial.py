"""What each operator does to the axes of the input: windows, views, mixtures of all positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from analyzer.dataflow import window as windows
from analyzer.dataflow.axes import Axes, Dimension, Factor, broadcast, plain, same_names, size_of, together
from analyzer.dataflow.operators import BATCH_NORMS, CUTS, JOINS, PADS, VIEWS, aten, is_pointwise
from analyzer.dataflow.regroup import viewed
from analyzer.dataflow.window import Window
from analyzer.graph import Op, Tensor, tensors_of

Given = Mapping[str, Axes]
"""The axes of those arguments that are tensors with any."""
Handler = Callable[[Op, Given], Axes]


def axes_after(op: Op, given: Given, operands: Sequence[Axes]) -> Axes:
    """The axes of an operator's first output; what is not known to keep positions apart mixes all of them."""
    handler = HANDLERS.get(op.packet)
    if handler is not None and _subject(given) is not None:
        return handler(op, given)
    shape = op.outputs[0].shape
    if is_pointwise(op):
        return broadcast(operands, shape)
    return together([_everything(axes) for axes in operands], plain(shape))


def _everything(axes: Axes) -> Axes:
    return axes.global_along(axes.reach)


SUBJECTS = ("self", "input", "query", "tensors", "indices", "mat1", "mat2", "batch1", "batch2", "key", "value")
"""Names of the arguments that handlers look at."""


def _subject(given: Given) -> Axes | None:
    return next((given[name] for name in SUBJECTS if name in given), None)


def _first(given: Given) -> Axes:
    found = _subject(given)
    assert found is not None, "axes_after has looked"
    return found


def _each(op: Op, name: str, count: int, default: int = 1) -> tuple[int, ...]:
    """An argument for each of so many axes; one number stands for all."""
    values = op.integers(name) or (default,)
    return values if len(values) == count else values[:1] * count


def _shape_of(op: Op) -> tuple[int, ...]:
    return op.outputs[0].shape


def convolution(op: Op, given: Given) -> Axes:
    """Windows over space; the other channels flow together, and the first convolution says which axes are spatial."""
    axes, weight, shape = given["input"], op.tensor("weight").shape, _shape_of(op)
    kernel = weight[2:]
    space = range(len(shape) - len(kernel), len(shape))
    if axes.is_raw:
        axes = axes.named(tuple(space))
    if op.integer("groups") != axes_channels(op):
        axes = axes.mixed([1]) if axes.axis_of(1) is not None or len(axes.dimensions[1]) > 1 else axes
    settings = [_each(op, name, len(kernel)) for name in ("stride", "padding", "dilation")]
    make = windows.transposed if op.arguments["transposed"] else windows.taps
    for place, k, s, p, d in zip(space, kernel, *settings, strict=True):
        axes = axes.windowed(place, make(k, s, p, d), shape[place])
    return axes.with_dimension(1, (Factor(None, shape[1]),))


def axes_channels(op: Op) -> int:
    """Channels that a convolution reads."""
    return op.tensor("input").shape[1]


def pool(op: Op, given: Given) -> Axes:
    """Windows over the last dimensions; `ceil_mode` only adds outputs at the end."""
    axes, kernel, shape = _first(given), op.integers("kernel_size"), _shape_of(op)
    count = int(op.packet.partition("_pool")[2][0])
    kernel = _each(op, "kernel_size", count)
    stride = _each(op, "stride", count) if op.integers("stride") else kernel
    padding, dilation = _each(op, "padding", count, 0), _each(op, "dilation", count)
    for back, k, s, p, d in zip(range(-count, 0), kernel, stride, padding, dilation, strict=True):
        axes = axes.windowed(back, windows.taps(k, s, p, d), shape[back])
    return axes


def adaptive_pool(op: Op, given: Given) -> Axes:
    """Blocks of the input; a single output along an axis reads all of it."""
    axes, before, after = _first(given), _source(op).shape, _shape_of(op)
    for back in range(-int(op.packet.partition("_pool")[2][0]), 0):
        if after[back] == 1:
            axes = axes.mixed([len(before) + back]).with_dimension(back, (Factor(None, 1),))
        elif after[back] != before[back]:
            axes = axes.windowed(back, windows.blocks(before[back], after[back]), after[back])
    return axes


def _source(op: Op) -> Tensor:
    return op.tensor("self") if "self" in op.arguments else op.tensor("input")


def resize(op: Op, given: Given) -> Axes:
    """Nearest, linear, cubic or antialiased resizing over the spatial dimensions."""
    axes, before, after = _first(given), _source(op).shape, _shape_of(op)
    for back in range(2 - len(after), 0):
        if before[back] == 1 and axes.axis_of(len(after) + back) is None:
            axes = axes.with_dimension(back, (Factor(None, after[back]),))
        else:
            axes = axes.windowed(back, _resizing(op, before[back], after[back]), after[back])
    return axes


def _resizing(op: Op, before: int, after: int) -> Window:
    if "nearest" in op.packet:
        return windows.nearest(before, after, exact="exact" in op.packet)
    margin = 1 if "cubic" in op.packet else 0
    if op.packet.endswith("_aa"):
        return windows.smoothed(before, after, 1 + margin)
    return windows.interpolated(before, after, bool(op.arguments.get("align_corners")), margin)


def pad(op: Op, given: Given) -> Axes:
    """Padding given in pairs from the last dimension on; the left one shifts what output 0 reads."""
    axes, pads, shape = _first(given), op.integers("pad") or op.integers("padding"), _shape_of(op)
    for back, left in enumerate(pads[::2], start=1):
        axes = axes.windowed(-back, windows.shifted(-left), shape[-back])
    return axes


def cut(op: Op, given: Given) -> Axes:
    """A slice: starts later, may take every n-th."""
    axes, place, shape = _first(given), op.integer("dim"), _source(op).shape
    start, step = (op.integers("start") or (0,))[0], (op.integers("step") or (1,))[0]
    first = min(max(start + shape[place] if start < 0 else start, 0), shape[place])
    return axes.windowed(place, windows.shifted(first, step), _shape_of(op)[place])


def take(op: Op, given: Given) -> Axes:
    """One position of a dimension, which is gone then."""
    axes, place = _first(given), op.integer("dim")
    place %= len(axes.dimensions)
    return Axes((*axes.dimensions[:place], *axes.dimensions[place + 1 :]), axes.reach)


def parts(op: Op, given: Given) -> Axes:
    """The first of the parts that a dimension is split into."""
    axes = _first(given)
    place = op.arguments.get("dim")
    place = place if isinstance(place, int) else 0
    if len(_shape_of(op)) < len(axes.dimensions):
        return take(op, given)
    return axes.windowed(place, windows.IDENTITY, _shape_of(op)[place])


def view(op: Op, given: Given) -> Axes:
    """The same elements in another shape."""
    return viewed(_first(given), _shape_of(op))


def permute(op: Op, given: Given) -> Axes:
    """Dimensions in another order."""
    axes = _first(given)
    order = list(range(len(axes.dimensions)))
    if "dims" in op.arguments:
        order = [place % len(order) for place in op.integers("dims")]
    else:
        one, two = (op.integer("dim0"), op.integer("dim1")) if "dim0" in op.arguments else (0, -1)
        order[one], order[two] = order[two], order[one]
    return Axes(tuple(axes.dimensions[place] for place in order), axes.reach)


def expand(op: Op, given: Given) -> Axes:
    """Dimensions of size one, and new ones in front, repeated."""
    return broadcast([_first(given)], _shape_of(op))


def joined(op: Op, given: Given) -> Axes:
    """Concatenation: like elementwise work on all other dimensions; along an axis its positions are lost."""
    operands, shape = list(_all(op, given)), _shape_of(op)
    place = op.arguments.get("dim", 0)
    place = place % len(shape) if isinstance(place, int) else 0
    blank: Dimension = (Factor(None, shape[place]),)
    return broadcast([operand.with_dimension(place, blank) for operand in same_names(operands)], shape)


def stacked(op: Op, given: Given) -> Axes:
    """A new dimension with a tensor at each place."""
    shape = _shape_of(op)
    place = op.integer("dim") % len(shape)
    blank: Dimension = (Factor(None, shape[place]),)
    grown = [Axes((*o.dimensions[:place], blank, *o.dimensions[place:]), o.reach) for o in _all(op, given)]
    return broadcast(grown, shape)


def _all(op: Op, given: Given) -> Sequence[Axes]:
    names = [f"tensors.{index}" for index, _ in enumerate(tensors_of(op.arguments["tensors"]))]
    return [given[name] for name in names if name in given]


def channelwise(op: Op, given: Given) -> Axes:
    """Batch normalization: statistics of this batch make it global, stored ones leave every position to itself."""
    axes = _first(given)
    uses_batch = op.arguments.get("training", "no_training" not in op.packet and "no_update" not in op.packet)
    return axes.mixed(place for place in range(len(axes.dimensions)) if place != 1) if uses_batch else axes


def layer_norm(op: Op, given: Given) -> Axes:
    """Mixes the last dimensions."""
    axes = _first(given)
    count = len(op.integers("normalized_shape"))
    return axes.mixed(range(len(axes.dimensions) - count, len(axes.dimensions)))


def group_norm(_: Op, given: Given) -> Axes:
    """Mixes all of an example."""
    axes = _first(given)
    return axes.mixed(range(1, len(axes.dimensions)))


def along(op: Op, given: Given) -> Axes:
    """Softmax, cumulative sums, sorting: mixes one dimension and keeps it."""
    return _first(given).mixed([op.integer("dim") % len(_first(given).dimensions)])


def reduced(op: Op, given: Given) -> Axes:
    """Mean, sum, maximum: mixes dimensions, which are gone then or of size one."""
    axes, shape = _first(given), _shape_of(op)
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
    left, right, shape = given.get(left_name), given.get(right_name), _shape_of(op)
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
    axes = _first(given)
    return axes.mixed([len(axes.dimensions) - 1]).with_dimension(-1, (Factor(None, _shape_of(op)[-1]),))


def attention(op: Op, given: Given) -> Axes:
    """Each query reads all keys and values of its batch and head."""
    rank = len(_shape_of(op))
    keys = [given[name].mixed([rank - 2, rank - 1]) for name in ("key", "value") if name in given]
    query = given["query"].mixed([rank - 1]) if "query" in given else None
    dimensions = query.dimensions if query is not None else plain(_shape_of(op))
    return together(
        same_names([*([query] if query else []), *keys]), (*dimensions[:-1], (Factor(None, _shape_of(op)[-1]),))
    )


def shuffle(op: Op, given: Given) -> Axes:
    """Pixel shuffle and its inverse."""
    axes, shape = _first(given), _shape_of(op)
    up = "upscale_factor" in op.arguments
    factor = op.integer("upscale_factor" if up else "downscale_factor")
    window = windows.stretched(factor) if up else Window((0,), (factor - 1,), factor)
    for back in (-2, -1):
        axes = axes.windowed(back, window, shape[back])
    return axes.with_dimension(-3, (Factor(None, shape[-3]),))


def roll(op: Op, given: Given) -> Axes:
    """Positions shifted in a circle; what wraps around is not followed."""
    axes, shape = _first(given), _shape_of(op)
    for place, shift in zip(op.integers("dims"), op.integers("shifts"), strict=False):
        axes = axes.windowed(place, windows.shifted(-shift), shape[place])
    return axes


def patches(op: Op, given: Given) -> Axes:
    """`Unfold`: (N, C, H, W) to (N, C k, places), the places being those of a convolution."""
    axes, count = _first(given), 2
    if axes.is_raw:
        axes = axes.named((len(axes.dimensions) - 2, len(axes.dimensions) - 1))
    settings = [_each(op, name, count) for name in ("kernel_size", "stride", "padding", "dilation")]
    for back, k, s, p, d in zip((-2, -1), *settings, strict=True):
        size = (size_of(axes.dimensions[back]) + 2 * p - d * (k - 1) - 1) // s + 1
        axes = axes.windowed(back, windows.taps(k, s, p, d), size)
    places = axes.dimensions[-2] + axes.dimensions[-1]
    return Axes((*axes.dimensions[:-3], (Factor(None, _shape_of(op)[-2]),), places), axes.reach)


def looked_up(op: Op, given: Given) -> Axes:
    """Embedding: a vector for every index."""
    return Axes((*given["indices"].dimensions, (Factor(None, _shape_of(op)[-1]),)), given["indices"].reach)


def indexed(op: Op, given: Given) -> Axes:
    """Chosen places of one dimension, which are not known: other dimensions are left alone."""
    axes, shape = _first(given), _shape_of(op)
    chosen = op.arguments.get("indices", ())
    places = [place for place, index in enumerate(chosen) if index is not None] if isinstance(chosen, tuple) else []
    if "dim" in op.arguments:
        places = [op.integer("dim") % len(shape)]
    if len(places) != 1 or len(shape) != len(axes.dimensions):
        return together([_everything(axes)], plain(shape))
    (place,) = places
    followed = {factor.axis for factor in axes.dimensions[place]}
    return axes.global_along(followed).with_dimension(place, (Factor(axes.axis_of(place), shape[place]),))


def sliding(op: Op, given: Given) -> Axes:
    """`Tensor.unfold`: windows along a dimension, their places in a new last one."""
    axes, place, shape = _first(given), op.integer("dimension"), _shape_of(op)
    place %= len(axes.dimensions)
    axes = axes.windowed(place, windows.taps(op.integer("size"), op.integer("step")), shape[place])
    return Axes((*axes.dimensions, (Factor(None, shape[-1]),)), axes.reach)


def same(_: Op, given: Given) -> Axes:
    """Space is left alone."""
    return _first(given)


def _table(handler: Handler, names: str) -> dict[str, Handler]:
    return dict.fromkeys(aten(names), handler)


HANDLERS: dict[str, Handler] = {
    **_table(convolution, "convolution"),
    **_table(pool, "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices max_pool1d max_pool2d"),
    **_table(pool, "max_pool3d avg_pool1d avg_pool2d avg_pool3d"),
    **_table(adaptive_pool, "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d adaptive_max_pool2d"),
    **_table(adaptive_pool, "adaptive_max_pool1d adaptive_max_pool3d adaptive_avg_pool2d adaptive_avg_pool3d"),
    **_table(resize, "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d"),
    **_table(resize, "_upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d"),
    **_table(resize, "upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa"),
    **dict.fromkeys(PADS, pad),
    **dict.fromkeys(CUTS, parts),
    **_table(cut, "slice"),
    **_table(take, "select"),
    **dict.fromkeys(VIEWS, view),
    **_table(permute, "permute transpose t transpose_ t_ numpy_T"),
    **_table(expand, "expand expand_as"),
    **dict.fromkeys(JOINS, joined),
    **_table(stacked, "stack"),
    **dict.fromkeys(BATCH_NORMS, channelwise),
    **_table(layer_norm, "native_layer_norm layer_norm _fused_rms_norm rms_norm"),
    **_table(group_norm, "native_group_norm group_norm"),
    **_table(along, "_softmax _log_softmax softmax _safe_softmax cumsum cumprod sort topk"),
    **_table(reduced, "mean sum amax amin max min var std var_mean std_mean prod logsumexp argmax argmin any all"),
    **_table(reduced, "linalg_vector_norm norm"),
    **_table(product, "mm bmm addmm baddbmm"),
    **_table(linear, "linear"),
    **_table(attention, "scaled_dot_product_attention"),
    **_table(shuffle, "pixel_shuffle pixel_unshuffle"),
    **_table(roll, "roll"),
    **_table(patches, "im2col"),
    **_table(indexed, "index _unsafe_index index_select"),
    **_table(sliding, "unfold"),
    **_table(looked_up, "embedding"),
    **_table(same, "channel_shuffle native_channel_shuffle"),
}
