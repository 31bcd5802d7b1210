"""Whose channels every value carries, and which layers' channels others rely on the order of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from analyzer.dataflow.flow import Flow, Value
from analyzer.dataflow.receptive_field.reshape import groups
from analyzer.values.graph import Op
from analyzer.values.operator_classes import (
    BATCH_NORMS,
    CUTS,
    JOINS,
    PRODUCTS,
    TURNS,
    VIEWS,
    is_convolution,
    is_pointwise,
    keeps_channels,
)


@dataclass(frozen=True, slots=True)
class ChannelSources:
    """Whose channels a value carries, and where."""

    sources: frozenset[str] = frozenset()
    """Paths of the convolution layers whose output channels these are."""
    is_raw: bool = False
    """They are still the input's, but for elementwise work and views."""
    place: int = 1
    """Which dimension holds them."""


NOWHERE = ChannelSources()


@dataclass
class Channels:
    """Where the channels of each convolution layer come from and go, by its path."""

    sources: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    """Used as an ordered set."""
    shared: set[str] = field(default_factory=set)
    """Layers whose channels are combined with others' or distinguished by their place."""
    divided: set[str] = field(default_factory=set)
    """Layers whose channels are divided into parts that go different ways."""
    stems: set[str] = field(default_factory=set)


def channels(flow: Flow, path_of: Mapping[Op, str]) -> Channels:
    """Follows channels, dimension 1 of (N, C, *space), through all operators in one pass."""
    found = Channels()
    origins: dict[Value, ChannelSources] = {
        value: ChannelSources(is_raw=flow.dynamic[value]) for value, op in enumerate(flow.producers) if op is None
    }
    for op in flow.trace.graph:
        if op in path_of:
            origin = _convolved(path_of[op], origins[flow.reads[op][0]], found)
        else:
            origin = _after(op, [origins[value] for value in flow.operands(op)], found)
        origins.update(dict.fromkeys(flow.writes[op], origin))
    for value in flow.returned:
        if flow.readers[value]:
            found.shared.update(origins[value].sources)
    return found


def _convolved(path: str, origin: ChannelSources, found: Channels) -> ChannelSources:
    if origin.is_raw:
        found.stems.add(path)
    found.sources[path].update(dict.fromkeys(origin.sources))
    return ChannelSources(frozenset({path}))


def _after(op: Op, operands: list[ChannelSources], found: Channels) -> ChannelSources:
    if not operands:
        return NOWHERE
    sources = frozenset[str]().union(*(origin.sources for origin in operands))
    place = next((origin.place for origin in operands if origin.sources), 1)
    origin = ChannelSources(sources, all(origin.is_raw for origin in operands), place)
    if _relies_on_order(op, operands, origin):
        found.shared.update(origin.sources)
    if _divides(op, origin):
        found.divided.update(origin.sources)
    if op.packet in CUTS or op.packet in VIEWS or op.packet in TURNS or "view" in op.tags:
        return _seen(op, origin)
    rank = len(op.inputs[0].shape)
    averaged = op.integers("dim") or range(rank) if op.packet == "aten.mean" else ()
    if not (keeps_channels(op) or op.packet in JOINS) or origin.place in {place % rank for place in averaged}:
        return NOWHERE
    return replace(origin, is_raw=origin.is_raw and op.packet not in BATCH_NORMS)


def _relies_on_order(op: Op, operands: list[ChannelSources], origin: ChannelSources) -> bool:
    """Whether other tensors' channels, or places among these, have to match the order of these."""
    if op.packet in JOINS:
        return len(operands) > 1
    if is_pointwise(op):
        return len(set(operands)) > 1
    if op.packet == "aten.native_group_norm":
        return 1 < op.integer("group") < op.inputs[0].shape[1]
    if op.packet in CUTS:
        return _divides(op, origin)
    if op.packet in VIEWS:
        return len(op.outputs[0].shape) > 2 and _place_after_view(op, origin.place) is None
    is_known = keeps_channels(op) or "view" in op.tags or op.packet in PRODUCTS or is_convolution(op)
    return not is_known


def _divides(op: Op, origin: ChannelSources) -> bool:
    """Whether only some of the channels go on in each result, or they are spread over several dimensions."""
    if op.packet in CUTS:
        return op.axis() == origin.place and op.inputs[0].shape != op.outputs[0].shape
    if op.packet not in VIEWS:
        return False
    new = op.outputs[0].shape
    alone = (after for before, after in groups(op.inputs[0].shape, new) if list(before) == [origin.place])
    return any(sum(new[place] > 1 for place in after) > 1 for after in alone)


def _seen(op: Op, origin: ChannelSources) -> ChannelSources:
    """Channels are followed to where a view puts them; flattened together with space they are not followed."""
    place = origin.place
    if op.packet in TURNS:
        return replace(origin, place=op.order().index(place)) if place < len(op.inputs[0].shape) else NOWHERE
    if op.packet in CUTS and len(op.outputs[0].shape) < len(op.inputs[0].shape):
        dimension = op.axis()
        return (
            ChannelSources(is_raw=origin.is_raw)
            if dimension == place
            else replace(origin, place=place - (dimension < place))
        )
    after = _place_after_view(op, place) if op.packet in VIEWS else place
    return ChannelSources(is_raw=origin.is_raw) if after is None else replace(origin, place=after)


def _place_after_view(op: Op, place: int) -> int | None:
    """Where the channels' dimension is then, None when it is cut or put together with others of more than one."""
    old, new = op.inputs[0].shape, op.outputs[0].shape
    for before, after in groups(old, new):
        if place not in before:
            continue
        is_alone = all(old[other] == 1 for other in before if other != place)
        same = [other for other in after if new[other] == old[place]]
        return same[0] if is_alone and same else None
    return None
