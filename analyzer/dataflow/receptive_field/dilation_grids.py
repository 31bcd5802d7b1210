"""Stacked dilations that leave positions unread: the exact test, along each path of the graph.

The positions that a chain of stride-one convolutions reads are the Minkowski sum of its tap offsets (advice from
"Understanding Convolution for Semantic Segmentation", Wang et al. 2018, whose own bound M2 is sufficient only when the
smallest rate is one; the sum itself is exact). Where branches meet by addition, a position counts as read when any
branch reads it; concatenated branches are judged one by one, unless one reads all that another does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from analyzer.dataflow.flow import Flow, Value
from analyzer.values.facts import Grid
from analyzer.values.graph import Op
from analyzer.values.operator_classes import (
    BATCH_NORMS,
    JOINS,
    PADS,
    SHUFFLES,
    is_convolution,
    is_pointwise,
    is_pool,
    is_view,
    pooled_dimensions,
)
from analyzer.values.taps import POINT, Offsets, taps

MAX_BRANCHES = 8
"""Most branches that are kept apart; beyond it they are judged together, so that work stays linear."""


@dataclass(eq=False, slots=True)
class Path:
    """What is read, axis by axis, since the last change of resolution, and the layers that read it."""

    offsets: tuple[Offsets, ...]
    layers: tuple[str, ...] = ()
    is_dilated: bool = False
    goes_on: bool = False
    """A later layer, or a branch that reads as much, is judged in its place."""

    def covers(self, other: Path) -> bool:
        return len(self.offsets) == len(other.offsets) and all(
            one.covers(two) for one, two in zip(self.offsets, other.offsets, strict=True)
        )

    def beside(self, other: Path) -> Path:
        """Both added up."""
        self.goes_on = other.goes_on = True
        offsets = tuple(one | two for one, two in zip(self.offsets, other.offsets, strict=True))
        layers = tuple(dict.fromkeys(self.layers + other.layers))
        return Path(offsets, layers, self.is_dilated or other.is_dilated)


Paths = tuple[Path, ...]


def grids(flow: Flow, paths_of: Mapping[Op, str]) -> tuple[Grid, ...]:
    """The stacks of at least two layers, one of them dilated, that leave positions unread, each once.

    `paths_of` names the layer of every convolution. Each value carries at most `MAX_BRANCHES` sets of offsets, so the
    work is linear in the operators however many paths a residual network has.
    """
    if not any(_is_dilated(op) for op in paths_of):
        return ()
    known: dict[Value, Paths] = {}
    made: list[Path] = []
    for op in flow.trace.graph:
        after = _after(op, flow, known, paths_of)
        if after:
            made.extend(after)
            known.update(dict.fromkeys(flow.writes[op], after))
    found = dict.fromkeys(grid for path in made if not path.goes_on and (grid := _judged(path)) is not None)
    return tuple(found)


def _is_dilated(op: Op) -> bool:
    kernel = op.tensor("weight").shape[2:]
    return any(d > 1 and k > 1 for d, k in zip(op.each("dilation", len(kernel)), kernel, strict=True))


def _judged(path: Path) -> Grid | None:
    if not path.is_dilated or len(path.layers) < 2:
        return None
    axis = max(range(len(path.offsets)), key=lambda place: path.offsets[place].holes)
    offsets = path.offsets[axis]
    return Grid(path.layers, axis, offsets.field, offsets.holes) if offsets.holes else None


def _after(op: Op, flow: Flow, known: Mapping[Value, Paths], paths_of: Mapping[Op, str]) -> Paths:
    if is_convolution(op):
        return _convolved(op, known.get(flow.reads[op][0], ()), paths_of.get(op, op.layer))
    operands = [known[value] for value in dict.fromkeys(flow.reads[op]) if value in known]
    if not operands:
        return ()
    if op.packet in JOINS:
        return _apart(op, [path for paths in operands for path in paths])
    if is_pointwise(op) or op.packet in BATCH_NORMS:
        return _added(operands)
    if is_pool(op) or op.packet in PADS or op.packet == "aten.slice":
        return _moved(op, operands[0])
    return _same_space(op, operands[0])


def _convolved(op: Op, before: Paths, layer: str) -> Paths:
    """A strided or transposed convolution starts anew: what lies before is another lattice."""
    kernel = op.tensor("weight").shape[2:]
    if op.arguments["transposed"] or any(stride != 1 for stride in op.integers("stride")):
        return (Path((POINT,) * len(kernel)),)
    settings = zip(kernel, op.each("dilation", len(kernel)), op.each("padding", len(kernel)), strict=True)
    read = [Offsets.of(taps(k, d, p)) for k, d, p in settings]
    before = tuple(path for path in before if len(path.offsets) == len(kernel)) or (Path((POINT,) * len(kernel)),)
    if max(kernel) == 1:
        return _shifted(before, read)
    return tuple(_extended(path, read, layer, _is_dilated(op)) for path in before)


def _extended(path: Path, read: Sequence[Offsets], layer: str, is_dilated: bool) -> Path:
    path.goes_on = True
    offsets = _summed(path, read)
    layers = path.layers if layer in path.layers else (*path.layers, layer)
    return Path(offsets, layers, path.is_dilated or is_dilated)


def _shifted(paths: Paths, read: Sequence[Offsets]) -> Paths:
    if all(offsets == POINT for offsets in read):
        return paths
    for path in paths:
        path.goes_on = True
    return tuple(Path(_summed(path, read), path.layers, path.is_dilated) for path in paths)


def _summed(path: Path, read: Sequence[Offsets]) -> tuple[Offsets, ...]:
    return tuple(one + two for one, two in zip(path.offsets, read, strict=True))


def _moved(op: Op, paths: Paths) -> Paths:
    """Pools of stride one read like dense convolutions; padding and cropping shift; a stride starts anew.

    A pool over other dimensions than the convolutions' is not followed.
    """
    count = len(paths[0].offsets)
    if op.packet in PADS:
        lefts = [left for left, _ in reversed(op.pads()[:count])]
        return _shifted(paths, [POINT] * (count - len(lefts)) + [Offsets(-left, 1) for left in lefts])
    if op.packet == "aten.slice":
        return _sliced(op, paths, count)
    if "adaptive" in op.packet or count != pooled_dimensions(op):
        return ()
    if any(stride != 1 for stride in op.integers("stride") or op.integers("kernel_size")):
        return (Path((POINT,) * count),)
    settings = (
        op.each(name, count, default) for name, default in (("kernel_size", 1), ("dilation", 1), ("padding", 0))
    )
    return _shifted(paths, [Offsets.of(taps(*numbers)) for numbers in zip(*settings, strict=True)])


def _sliced(op: Op, paths: Paths, count: int) -> Paths:
    axis, kept = op.axis() - (len(op.outputs[0].shape) - count), op.kept()
    if axis < 0:
        return paths
    if kept.step != 1:
        return ()
    return _shifted(paths, [Offsets(kept.start if place == axis else 0, 1) for place in range(count)])


def _same_space(op: Op, paths: Paths) -> Paths:
    """Views, splits and channel shuffles that leave the last dimensions as they are."""
    count = len(paths[0].offsets)
    shapes = {tensor.shape[-count:] for tensor in (*op.inputs[:1], *op.outputs)}
    return paths if (is_view(op) or op.packet in SHUFFLES) and len(shapes) == 1 else ()


def _added(operands: Sequence[Paths]) -> Paths:
    """Every pair of paths of both sides, read together; sides that are the same path stay it."""
    result = operands[0]
    for paths in operands[1:]:
        if paths is result or len(paths[0].offsets) != len(result[0].offsets):
            continue
        result = _thinned([one if one is two else one.beside(two) for one in result for two in paths])
    return result


def _apart(op: Op, paths: Sequence[Path]) -> Paths:
    rank, count = len(op.outputs[0].shape), len(paths[0].offsets)
    if op.axis() >= rank - count:
        return ()
    return _thinned(list(dict.fromkeys(path for path in paths if len(path.offsets) == count)))


def _thinned(paths: Sequence[Path]) -> Paths:
    """Without those that another covers; too many become one."""
    kept: list[Path] = []
    for path in sorted(paths, key=lambda path: -sum(offsets.bits.bit_count() for offsets in path.offsets)):
        if any(other.covers(path) for other in kept):
            path.goes_on = True
        else:
            kept.append(path)
    return tuple(kept) if len(kept) <= MAX_BRANCHES else (reduce(Path.beside, kept),)
