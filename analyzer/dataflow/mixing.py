"""Grouped convolutions in a row whose groups never meet: exact labels of channels, carried from one to the next.

A grouped convolution labels the channels that it reads, and those that it writes, by group; labels go with the channels
through elementwise work, normalization, pooling, concatenation, splits and shuffles. Where the next grouped convolution
falls apart into at least two parts that share no label, so many networks run side by side. A depthwise convolution
mixes no channels by design: it carries labels on and is itself neither the first nor the second. Whatever reads
channels across labels (dense convolutions, gates, attention, an index that is not known) ends the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from analyzer.dataflow.flow import Flow, Value
from analyzer.dataflow.labels import MIXED, Labels, added, moved
from analyzer.dataflow.operators import NORMS, is_convolution, is_pointwise
from analyzer.facts import Isolation
from analyzer.graph import Op

Carried = Mapping[str, Labels]
"""Labels by the grouped convolution that gave them."""


def isolations(flow: Flow, layers: Mapping[Op, str]) -> tuple[Isolation, ...]:
    """Pairs of grouped convolutions with nothing mixing between them; `layers` names the layer of each."""
    if not any(is_convolution(op) and is_grouped(op) for op in flow.trace.graph):
        return ()
    known: dict[Value, dict[str, Labels]] = {}
    found: dict[tuple[str, str], int] = {}
    for op in flow.trace.graph:
        if is_convolution(op):
            _convolve(op, layers.get(op, op.layer), flow, known, found)
        else:
            _carry(op, flow, known)
    return tuple(Isolation(first, second, groups) for (first, second), groups in found.items())


def is_grouped(op: Op) -> bool:
    """Whether a convolution has several groups of several channels."""
    return 1 < op.integer("groups") < op.tensor("input").shape[1]


def _convolve(
    op: Op, path: str, flow: Flow, known: dict[Value, dict[str, Labels]], found: dict[tuple[str, str], int]
) -> None:
    data, out = flow.reads[op][0], flow.writes[op][0]
    groups, channels = op.integer("groups"), op.tensor("input").shape[1]
    if groups == channels > 1:
        repeats = op.outputs[0].shape[1] // channels
        known[out] = {first: np.repeat(one, repeats, 1) for first, one in known.get(data, {}).items() if _flat(one)}
        return
    if not is_grouped(op):
        return
    for first, labels in known.get(data, {}).items():
        parts = separate_parts(labels.reshape(groups, -1)) if _flat(labels) and labels.shape[1] == channels else 1
        if parts > 1:
            found.setdefault((first, path), parts)
    rank = len(op.outputs[0].shape)
    for value in _copies(data, flow):
        known[value] = {**known.get(value, {}), path: _by_group(groups, channels, rank)}
    known[out] = {path: _by_group(groups, op.outputs[0].shape[1], rank)}


def _flat(labels: Labels) -> bool:
    return labels.ndim > 1 and labels.size == labels.shape[1]


def _by_group(groups: int, channels: int, rank: int) -> Labels:
    labels = np.repeat(np.arange(groups, dtype=np.int64), channels // groups)
    return labels.reshape(1, channels, *(1,) * (rank - 2))


def _copies(value: Value, flow: Flow) -> Iterable[Value]:
    """The value and those before it whose channels are the same, so that a shortcut around the layer is labelled."""
    yield value
    while True:
        op = flow.producers[value]
        if op is None or not (is_pointwise(op) or op.packet in NORMS) or len(flow.operands(op)) != 1:
            return
        value = flow.operands(op)[0]
        yield value


def separate_parts(groups: NDArray[np.int64]) -> int:
    """How many parts share no label, where row i holds the labels that group i reads; 1 when any label is mixed."""
    if (groups == MIXED).any():
        return 1
    meeting = nx.Graph()
    for row, labels in enumerate(groups):
        meeting.add_edges_from((("group", row), ("label", int(label))) for label in np.unique(labels[labels >= 0]))
    return max(int(nx.number_connected_components(meeting)), 1)


def _carry(op: Op, flow: Flow, known: dict[Value, dict[str, Labels]]) -> None:
    operands = flow.operands(op)
    names = dict.fromkeys(name for value in operands for name in known.get(value, {}))
    for name in names:
        given: Sequence[Labels | None] = [known.get(value, {}).get(name) for value in operands]
        results = moved(op, given) if len(given) == 1 or not is_pointwise(op) else added(op, given)
        for value, labels in zip(flow.writes[op], results, strict=False):
            if labels is not None and not (labels == MIXED).all():
                known.setdefault(value, {})[name] = labels
