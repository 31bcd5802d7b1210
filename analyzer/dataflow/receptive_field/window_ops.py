"""Operators that slide over space, or stretch, crop and shift it: windows along the dimensions that follow an axis."""

from __future__ import annotations

from analyzer.dataflow.receptive_field import window as windows
from analyzer.dataflow.receptive_field.axes import Axes, Factor, size_of, together
from analyzer.dataflow.receptive_field.operands import Given, loaded, shape_of, source
from analyzer.dataflow.receptive_field.window import Window
from analyzer.values.graph import Op
from analyzer.values.operator_classes import pooled_dimensions


def convolution(op: Op, given: Given) -> Axes:
    """Windows over space; the other channels flow together."""
    axes, weight, shape = given["input"], op.tensor("weight").shape, shape_of(op)
    kernel = weight[2:]
    space = range(len(shape) - len(kernel), len(shape))
    axes = axes.mixed([1]) if axes.axes_at(1) else axes
    settings = [op.each(name, len(kernel)) for name in ("stride", "padding", "dilation")]
    make = windows.transposed if op.arguments["transposed"] else windows.taps
    for place, k, s, p, d in zip(space, kernel, *settings, strict=True):
        axes = axes.windowed(place, make(k, s, p, d), shape[place])
    axes = axes.with_dimension(1, (Factor(None, shape[1]),))
    computed = [given[name] for name in ("weight", "bias") if name in given]
    return together([axes, *(other.global_along(other.reach) for other in computed)], axes.dimensions)


def pool(op: Op, given: Given) -> Axes:
    """Windows over the last dimensions; `ceil_mode` only adds outputs at the end."""
    axes, shape, count = loaded(given), shape_of(op), pooled_dimensions(op)
    kernel = op.each("kernel_size", count)
    stride = op.each("stride", count) if op.integers("stride") else kernel
    padding, dilation = op.each("padding", count, 0), op.each("dilation", count)
    for back, k, s, p, d in zip(range(-count, 0), kernel, stride, padding, dilation, strict=True):
        axes = axes.windowed(back, windows.taps(k, s, p, d), shape[back])
    return axes


def adaptive_pool(op: Op, given: Given) -> Axes:
    """Blocks of the input; a single output along an axis reads all of it."""
    axes, before, after = loaded(given), source(op).shape, shape_of(op)
    for back in range(-pooled_dimensions(op), 0):
        if after[back] == 1:
            axes = axes.mixed([len(before) + back]).with_dimension(back, (Factor(None, 1),))
        elif after[back] != before[back]:
            axes = axes.windowed(back, windows.blocks(before[back], after[back]), after[back])
    return axes


def resize(op: Op, given: Given) -> Axes:
    """Nearest, linear, cubic or antialiased resizing over the spatial dimensions."""
    axes, before, after = loaded(given), source(op).shape, shape_of(op)
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
    axes, shape = loaded(given), shape_of(op)
    for back, (left, _) in enumerate(op.pads(), start=1):
        axes = axes.windowed(-back, windows.shifted(-left), shape[-back])
    return axes


def cut(op: Op, given: Given) -> Axes:
    """A slice: starts later, may take every n-th."""
    kept, place = op.kept(), op.axis()
    return loaded(given).windowed(place, windows.shifted(kept.start, kept.step), shape_of(op)[place])


def shuffle(op: Op, given: Given) -> Axes:
    """Pixel shuffle and its inverse."""
    axes, shape = loaded(given), shape_of(op)
    up = "upscale_factor" in op.arguments
    factor = op.integer("upscale_factor" if up else "downscale_factor")
    window = windows.stretched(factor) if up else Window((0,), (factor - 1,), factor)
    for back in (-2, -1):
        axes = axes.windowed(back, window, shape[back])
    return axes.with_dimension(-3, (Factor(None, shape[-3]),))


def roll(op: Op, given: Given) -> Axes:
    """Positions shifted in a circle: what reads across the seam reads both ends, so an axis is irregular then.

    Elements shifted without dimensions are read globally.
    """
    axes, shape = loaded(given), shape_of(op)
    if not op.integers("dims"):
        return axes.global_along(axes.reach)
    for place, shift in zip(op.integers("dims"), op.integers("shifts"), strict=False):
        if shape[place] and shift % shape[place]:
            axes = axes.resolved(place % len(shape))
            axes = axes.irregular_along(axes.axes_at(place))
    return axes


def patches(op: Op, given: Given) -> Axes:
    """`Unfold`: (N, C, H, W) to (N, C k, places), the places being those of a convolution."""
    axes, count = loaded(given), 2
    settings = [op.each(name, count) for name in ("kernel_size", "stride", "padding", "dilation")]
    for back, k, s, p, d in zip((-2, -1), *settings, strict=True):
        size = (size_of(axes.dimensions[back]) + 2 * p - d * (k - 1) - 1) // s + 1
        axes = axes.windowed(back, windows.taps(k, s, p, d), size)
    places = axes.dimensions[-2] + axes.dimensions[-1]
    return Axes((*axes.dimensions[:-3], (Factor(None, shape_of(op)[-2]),), places), axes.reach)


def sliding(op: Op, given: Given) -> Axes:
    """`Tensor.unfold`: windows along a dimension, their places in a new last one."""
    axes, place, shape = loaded(given), op.axis("dimension"), shape_of(op)
    axes = axes.windowed(place, windows.taps(op.integer("size"), op.integer("step")), shape[place])
    return Axes((*axes.dimensions, (Factor(None, shape[-1]),)), axes.reach)
