"""Labels on a tensor's elements that vary along its channels only, moved as operators move the elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from analyzer.dataflow.receptive_field.reshape import groups
from analyzer.values.graph import Op
from analyzer.values.operator_classes import (
    CUTS,
    JOINS,
    PADS,
    SHUFFLES,
    TURNS,
    VIEWS,
    keeps_channels,
)

Labels = NDArray[np.int64]
"""Of as many dimensions as the tensor; size 1 where the labels do not vary."""
MIXED = -1
"""Carries something of every label, or of unknown ones."""
NOTHING = -2
"""Carries nothing: padding."""
MAX_ELEMENTS = 2**20
"""Views that deal out more labels than this are not followed."""

Results = Sequence[Labels | None]
NONE: Results = ()


def added(op: Op, operands: Sequence[Labels | None]) -> Results:
    """Elementwise work on several tensors: labels that agree stay; a tensor without labels mixes all.

    Labels are broadcast as the tensors are, dimensions of size 1 put in front of the shorter shapes.
    """
    rank = len(op.outputs[0].shape)
    known = [labels.reshape((1,) * (rank - labels.ndim) + labels.shape) for labels in operands if labels is not None]
    if len(known) < len(operands):
        return NONE
    result = known[0]
    for labels in known[1:]:
        both = np.where(result == NOTHING, labels, result)
        result = np.where((labels == both) | (labels == NOTHING), both, MIXED)
    return (result,)


def moved(op: Op, operands: Sequence[Labels | None]) -> Results:
    """The labels of an operator's outputs; none where it reads across channels or is not known."""
    if op.packet in JOINS:
        return _joined(op, operands)
    labels = operands[0] if operands else None
    if labels is None:
        return NONE
    keeps_places = keeps_channels(op) and op.packet not in PADS and op.packet != "aten.mean"
    if (keeps_places or op.packet in ("aten.roll", "aten.flip")) and labels.ndim == len(op.outputs[0].shape):
        return (labels,)
    handler = MOVES.get(op.packet)
    return NONE if handler is None else handler(op, labels)


def _joined(op: Op, operands: Sequence[Labels | None]) -> Results:
    """Concatenation; what comes without labels is mixed."""
    shape, place = op.outputs[0].shape, op.axis()
    known = [labels for labels in operands if labels is not None]
    if len(operands) != len(op.inputs) or not known or any(labels.ndim != len(shape) for labels in known):
        return NONE
    rest = [max(sizes) for sizes in zip(*(labels.shape for labels in known), strict=True)]
    parts = [
        np.broadcast_to(
            np.int64(MIXED) if labels is None else labels, [*rest[:place], tensor.shape[place], *rest[place + 1 :]]
        )
        for labels, tensor in zip(operands, op.inputs, strict=True)
    ]
    return (np.concatenate(parts, axis=place),)


def _viewed(op: Op, labels: Labels) -> Results:
    old, new = op.inputs[0].shape, op.outputs[0].shape
    full, shape = list(labels.shape), list(new)
    for before, after in groups(old, new):
        if all(labels.shape[place] == 1 for place in before):
            shape[after.start : after.stop] = [1] * len(after)
        else:
            full[before.start : before.stop] = old[before.start : before.stop]
    if np.prod(full) > MAX_ELEMENTS or np.prod(full) != np.prod(shape):
        return NONE
    return (np.broadcast_to(labels, full).reshape(shape),)


def _cut(op: Op, labels: Labels) -> Results:
    """A slice, a part or one place of a dimension."""
    place = op.axis()
    if op.packet == "aten.select":
        index = op.integer("index") if labels.shape[place] > 1 else 0
        return (_place(labels, index, place),)
    if op.packet == "aten.unbind":
        return [_place(labels, min(index, labels.shape[place] - 1), place) for index in range(len(op.outputs))]
    if labels.shape[place] == 1:
        return [labels] * len(op.outputs)
    if op.packet == "aten.slice":
        return (labels.take(list(op.kept()), axis=place),)
    ends = np.cumsum([output.shape[place] for output in op.outputs])[:-1]
    return np.split(labels, ends, axis=place)


def _place(labels: Labels, index: int, place: int) -> Labels:
    return labels.take([index], axis=place).squeeze(place)


def _padded(op: Op, labels: Labels) -> Results:
    """Zeros carry nothing; along dimensions without labels there is nothing to do."""
    widths = [(0, 0)] * labels.ndim
    for back, pair in enumerate(op.pads(), start=1):
        if labels.shape[-back] > 1:
            widths[-back] = pair
    if any(width < 0 for pair in widths for width in pair):
        return NONE
    return (np.pad(labels, widths, constant_values=NOTHING),)


def _shuffled(op: Op, labels: Labels) -> Results:
    """`nn.ChannelShuffle`: (groups, channels / groups) read by columns."""
    if labels.size != labels.shape[1]:
        return NONE
    return (labels.reshape(op.integer("groups"), -1).T.reshape(labels.shape),)


def _expanded(op: Op, labels: Labels) -> Results:
    rank = len(op.outputs[0].shape)
    return (labels.reshape((1,) * (rank - labels.ndim) + labels.shape),)


def _reduced(op: Op, labels: Labels) -> Results:
    """A mean over space keeps channels apart; over channels it mixes them."""
    places = [place % labels.ndim for place in op.integers("dim")] or list(range(labels.ndim))
    if any(labels.shape[place] > 1 for place in places):
        return NONE
    return (labels if len(op.outputs[0].shape) == labels.ndim else labels.squeeze(tuple(places)),)


MOVES: dict[str, Callable[[Op, Labels], Results]] = {
    **dict.fromkeys(VIEWS, _viewed),
    **dict.fromkeys(TURNS, lambda op, labels: (labels.transpose(op.order()),)),
    **dict.fromkeys(CUTS, _cut),
    **dict.fromkeys(PADS, _padded),
    **dict.fromkeys(SHUFFLES, _shuffled),
    "aten.expand": _expanded,
    **dict.fromkeys(("aten.mean", "aten.sum", "aten.amax"), _reduced),
}
