"""Finds channels that are provably dead, and the model without them: exact, so this comes before every other choice.

A channel is dead where its filter is zero, or the scale and shift of the normalization after it, so that its readers
are given zeros; or where the weights of all that reads it are zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor, nn

from analyzer.fitting.channel_readers import Readers, largest_inputs, readers_of
from analyzer.fitting.channel_removal import Removal, removed
from analyzer.fitting.networks import Batch, sharing_copy
from analyzer.values.facts import ModelFacts

Place = tuple[str, int]
"""A layer, and one of the channels that it gives or reads."""


def without_dead_channels(
    model: nn.Module, facts: ModelFacts, calls: Mapping[str, int], batch: Batch
) -> Removal | None:
    """The model in eval mode without its dead channels; None where there are none that can be taken out.

    `calls` says how often a forward runs each layer; `batch` is what the outputs are compared on. Layers whose channels
    cannot be taken out without an error, or without another output, keep them.
    """
    reference = sharing_copy(model)
    search = _Search(reference, facts, calls, batch)
    components = search.components()
    if not components:
        return None
    whole = removed(reference, facts, components, batch)
    groups = _by_layers(components)
    if whole is not None or len(groups) == 1:
        return whole
    kept: list[Component] = []
    for group in groups:
        if removed(reference, facts, [*kept, *group], batch) is not None:
            kept += group
    return removed(reference, facts, kept, batch) if kept else None


@dataclass(frozen=True, slots=True)
class Component:
    """Channels that can only be taken out together: those that give them, and those that read them."""

    given: frozenset[Place]
    read: frozenset[Place]


def _by_layers(components: Iterable[Component]) -> list[list[Component]]:
    """Those of the same layers together."""
    groups: dict[frozenset[str], list[Component]] = defaultdict(list)
    for component in components:
        groups[frozenset(path for path, _ in component.given)].append(component)
    return list(groups.values())


class _Search:
    """Over one model in eval mode."""

    def __init__(self, model: nn.Module, facts: ModelFacts, calls: Mapping[str, int], batch: Batch) -> None:
        self.model, self.facts, self.calls, self.batch = model, facts, calls, batch

    def components(self) -> list[Component]:
        """Every set of channels that is dead as a whole."""
        zero, unread = self._zero(), self._unread()
        found: dict[Place, Readers] = {}
        for path in dict.fromkeys((*zero, *unread)):
            channels = sorted({*zero.get(path, ()), *unread.get(path, ())})
            known = readers_of(self.model, path, channels, self.batch, self.calls)
            found |= {(path, channel): readers for channel, readers in zip(channels, known, strict=True)}
        joined = nx.Graph(
            (("given", place), ("read", read)) for place, readers in found.items() for read in readers.all
        )
        whole = [_component(nodes) for nodes in nx.connected_components(joined)]
        mixing = {read for readers in found.values() for read in readers.mixing}
        largest = largest_inputs(self.model, {path for path, _ in mixing}, self.batch) if mixing else {}
        return [item for item in whole if self._is_dead(item.read & mixing, largest, {*found, *item.read})]

    def _zero(self) -> dict[str, set[int]]:
        """By convolution, the channels that are zero by their own weights or their normalization's."""
        return {path: channels for path in self._plain() if (channels := _zero_channels(self._layers(path)))}

    def _plain(self) -> Iterator[str]:
        for path, layer in self.facts.convolutions.items():
            conv = layer.convolution
            if layer.is_plain and path and self.calls.get(path) == 1 and conv.is_dense and not conv.transposed:
                yield path

    def _layers(self, path: str) -> list[nn.Module]:
        norm = self.facts.convolutions[path].norm
        return [self.model.get_submodule(name) for name in (path, norm) if name]

    def _unread(self) -> dict[str, set[int]]:
        """By convolution, the channels that some reader of as many channels has zeros for."""
        found: dict[str, set[int]] = defaultdict(set)
        plain = set(self._plain())
        for path in plain:
            columns = _zero_columns(self.model.get_submodule(path))
            for source in self.facts.convolutions[path].sources if columns else ():
                if source in plain and self._width(source) == self.facts.convolutions[path].convolution.in_channels:
                    found[source] |= columns
        return found

    def _width(self, path: str) -> int:
        return self.facts.convolutions[path].convolution.out_channels

    def _is_dead(self, mixing: frozenset[Place], largest: Mapping[str, Tensor], cut: set[Place]) -> bool:
        """Whether all that reads it is given zeros or has zeros for it, and all that gives it can be cut."""
        weights = (self.model.get_submodule(path).get_parameter("weight")[:, place] for path, place in mixing)
        pairs = zip(mixing, weights, strict=True)
        unused = all(not weight.any() or not largest[path][place] for (path, place), weight in pairs)
        return bool(mixing) and unused and {*self._givers(mixing)} <= cut

    def _givers(self, mixing: Iterable[Place]) -> Iterator[Place]:
        """The channels that are added up in those that are read."""
        for path, place in mixing:
            layer = self.facts.convolutions.get(path)
            for source in layer.sources if layer is not None else ():
                if layer is not None and self._width(source) == layer.convolution.in_channels:
                    yield source, place


def _component(nodes: Iterable[tuple[str, Place]]) -> Component:
    listed = list(nodes)
    given, read = (frozenset(place for side, place in listed if side == name) for name in ("given", "read"))
    return Component(given, read)


def _zero_channels(layers: list[nn.Module]) -> set[int]:
    """Channels whose weights are all zero in any of these layers in a row, and whose mean is zero in the next."""
    last = layers[-1]
    is_zero = _is_zero(last, "weight") & _is_zero(last, "bias")
    if len(layers) == 2:
        first, mean = layers[0], last.running_mean
        silent = _is_zero(first, "weight") & _is_zero(first, "bias") & _is_zero(last, "bias")
        is_zero |= silent & (mean == 0) if isinstance(mean, Tensor) else False
    return set(is_zero.nonzero().flatten().tolist())


def _is_zero(layer: nn.Module, name: str) -> Tensor:
    """By channel; an absent bias is zero, an absent scale is not."""
    value = getattr(layer, name, None)
    if value is not None:
        found: Tensor = value.detach().flatten(1).any(1) if value.dim() > 1 else value.detach() != 0
        return ~found
    channels = len(layer.get_parameter("weight")) if isinstance(getattr(layer, "weight", None), Tensor) else 0
    known = channels or len(layer.get_buffer("running_mean"))
    return torch.full((known,), name == "bias")


def _zero_columns(layer: nn.Module) -> set[int]:
    used = layer.get_parameter("weight").detach().transpose(0, 1).flatten(1).any(1)
    return set((~used).nonzero().flatten().tolist())
