"""Grouped convolutions in a row whose groups never meet: exact labels of channels, carried from one to the next.

A grouped convolution labels the channels that it reads, and those that it writes, by group; labels go with the channels
through elementwise work, normalization, pooling, concatenation, splits and shuffles. Where the next grouped convolution
falls apart into at least two parts that share no label, so many networks run side by side. A depthwise convolution
mixes no channels by design: it carries labels on and is itself neither the first nor the second. Anything that reads
channels across labels (dense convolutions, gates, attention, an index that is not known) ends the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from analyzer.dataflow.channels.group_labels import MIXED, Labels, added, moved
from analyzer.dataflow.flow import Flow, Value
from analyzer.values.facts import Isolation
from analyzer.values.graph import Op
from analyzer.values.operator_classes import NORMS, is_convolution, is_pointwise


@dataclass(frozen=True, slots=True)
class Carried:
    """Labels that one grouped convolution gave."""

    labels: Labels
    is_output: bool
    """They came through the convolution, not only past it: two that read one input stand side by side."""


Known = dict[Value, dict[str, Carried]]


def isolations(flow: Flow, layers: Mapping[Op, str]) -> tuple[Isolation, ...]:
    """Pairs of grouped convolutions with nothing mixing between them; `layers` names the layer of each."""
    if not any(is_convolution(op) and is_grouped(op) for op in flow.trace.graph):
        return ()
    known: Known = {}
    found: dict[tuple[str, str], int] = {}
    for op in flow.trace.graph:
        if not is_convolution(op):
            _carry(op, flow, known)
        elif op.integer("groups") == op.tensor("input").shape[1]:
            _carry_by_depth(op, flow, known)
        elif is_grouped(op):
            path = layers.get(op, op.layer)
            _compare(op, path, known.get(flow.reads[op][0], {}), found)
            _label(op, path, flow, known)
    return tuple(Isolation(first, second, groups) for (first, second), groups in found.items())


def is_grouped(op: Op) -> bool:
    """Whether a convolution has several groups of several channels."""
    return 1 < op.integer("groups") < op.tensor("input").shape[1]


def _carry_by_depth(op: Op, flow: Flow, known: Known) -> None:
    """A depthwise convolution: output channels in the order of the inputs that they read."""
    repeats = op.outputs[0].shape[1] // op.integer("groups")
    for first, carried in known.get(flow.reads[op][0], {}).items():
        if _is_by_channel(carried.labels):
            labels = np.repeat(carried.labels, repeats, 1)
            known.setdefault(flow.writes[op][0], {})[first] = replace(carried, labels=labels)


def _compare(op: Op, path: str, read: Mapping[str, Carried], found: dict[tuple[str, str], int]) -> None:
    groups, channels = op.integer("groups"), op.tensor("input").shape[1]
    for first, carried in read.items():
        if not carried.is_output or not _is_by_channel(carried.labels) or carried.labels.size != channels:
            continue
        parts = separate_parts(carried.labels.reshape(groups, -1))
        if parts > 1:
            found.setdefault((first, path), parts)


def _label(op: Op, path: str, flow: Flow, known: Known) -> None:
    rank, groups = len(op.outputs[0].shape), op.integer("groups")
    read = Carried(_by_group(groups, op.tensor("input").shape[1], rank), is_output=False)
    for value in _copies(flow.reads[op][0], flow):
        known[value] = {**known.get(value, {}), path: read}
    known[flow.writes[op][0]] = {path: Carried(_by_group(groups, op.outputs[0].shape[1], rank), is_output=True)}


def _is_by_channel(labels: Labels) -> bool:
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
    """How many parts share no label; 1 when any label is mixed.

    `groups` is (groups, channels of a group): row i holds the labels that group i reads.
    """
    if (groups == MIXED).any():
        return 1
    meeting = nx.Graph()
    for row, labels in enumerate(groups):
        meeting.add_edges_from((("group", row), ("label", int(label))) for label in np.unique(labels[labels >= 0]))
    return max(int(nx.number_connected_components(meeting)), 1)


def _carry(op: Op, flow: Flow, known: Known) -> None:
    operands = flow.operands(op)
    for name in dict.fromkeys(name for value in operands for name in known.get(value, {})):
        carried = [known.get(value, {}).get(name) for value in operands]
        labels = [one.labels if one is not None else None for one in carried]
        results = moved(op, labels) if len(labels) == 1 or not is_pointwise(op) else added(op, labels)
        is_output = any(one.is_output for one in carried if one is not None)
        for value, result in zip(flow.writes[op], results, strict=False):
            if result is not None and not (result == MIXED).all():
                known.setdefault(value, {})[name] = Carried(result, is_output)
