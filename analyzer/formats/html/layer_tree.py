"""A model's modules as a tree in which equal subtrees are told once, so that a page grows with what is distinct."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final, TypeVar

from analyzer.formats.html.embedding import Strings, known, short, wire
from analyzer.formats.html.module_tree import Module, deepest_shown, module_tree
from analyzer.formats.wording.numbers import located, shape, shapes
from analyzer.formats.wording.shown_layers import total
from analyzer.values.counts import Layer
from analyzer.values.results import Analysis

MOST_SHOWN: Final = 12_000
"""Modules that a page shows one by one; of more, what lies deepest is added up."""
Values = tuple[object, ...]
Item = TypeVar("Item", bound=tuple[object, ...])


@dataclass(frozen=True, slots=True)
class LayerTree:
    """Distinct rows, and distinct subtrees that refer to them."""

    columns: tuple[str, ...]
    rows: tuple[Values, ...]
    nodes: tuple[tuple[int, ...], ...]
    """Each: its row or -1, then name and node of each child in turn; names are places of strings."""
    root: int
    modules: int
    """Of the model."""
    shown: int
    """Of the page: fewer where the deepest are added up."""


COLUMNS: Final = (
    "kind",
    "place",
    "caller",
    "settings",
    "calls",
    "inputs",
    "outputs",
    "params",
    "macs",
    "other",
    "elements",
    "field",
    "jump",
    "offset",
    "reach",
    "seconds",
    "bound",
    "flops",
    "bytes",
    "joules",
    "inside",
)
"""What the values of a row are."""


@dataclass(frozen=True, slots=True)
class Estimated:
    """What is estimated for one layer."""

    seconds: float = 0.0
    bound: str = ""
    flops: int = 0
    nbytes: int = 0
    joules: float = 0.0


def layer_tree(analysis: Analysis, strings: Strings, most: int = MOST_SHOWN) -> LayerTree:
    """The modules of the analysis, of more than `most` the outer ones with sums of what is below them."""
    root = module_tree(analysis.layers)
    modules = 1 + sum(1 for _ in root.below())
    deepest = deepest_shown(root, most)
    writer = _Writer(_estimated(analysis), strings, deepest)
    place = writer.written(root)
    shown = 1 + sum(module.depth <= deepest for module in root.below())
    return LayerTree(COLUMNS, tuple(writer.rows), tuple(writer.nodes), place, modules, shown)


def _estimated(analysis: Analysis) -> Mapping[str, Estimated]:
    """By path; the middle of ranges."""
    estimates = analysis.estimates
    if estimates is None:
        return {}
    energies = estimates.energy.layers if estimates.energy else ()
    energy = {layer.path: layer.arithmetic + layer.movement for layer in energies}
    return {
        layer.path: Estimated(
            (layer.seconds.low + layer.seconds.high) / 2,
            layer.bound,
            layer.flops,
            layer.nbytes,
            energy.get(layer.path, 0.0),
        )
        for layer in estimates.time.layers
    }


class _Writer:
    """Writes modules as nodes, children first, each distinct one once."""

    def __init__(self, estimated: Mapping[str, Estimated], strings: Strings, deepest: int) -> None:
        self.estimated, self.strings, self.deepest = estimated, strings, deepest
        self.rows: list[Values] = []
        self.nodes: list[tuple[int, ...]] = []
        self._row_places: dict[Values, int] = {}
        self._node_places: dict[tuple[int, ...], int] = {}

    def written(self, root: Module) -> int:
        """The node of the root."""
        places: dict[int, int] = {}
        for module in (*root.below(), root):
            if module.depth <= self.deepest:
                places[id(module)] = self._node(module, places)
        return places[id(root)]

    def _node(self, module: Module, places: Mapping[int, int]) -> int:
        is_cut = module.depth == self.deepest and bool(module.children)
        row = self._row(self._sum(module) if is_cut else self._own(module.layer))
        kids = () if is_cut else ((self.strings.place(kid.name), places[id(kid)]) for kid in module.children.values())
        return _place((row, *(number for pair in kids for number in pair)), self.nodes, self._node_places)

    def _row(self, values: Values | None) -> int:
        return -1 if values is None else _place(values, self.rows, self._row_places)

    def _own(self, layer: Layer | None) -> Values | None:
        if layer is None:
            return None
        return self._values(layer, self._leaf_elements(layer), self.estimated.get(layer.path, Estimated()), 0)

    @staticmethod
    def _leaf_elements(layer: Layer) -> int:
        return layer.calls * sum(map(prod, layer.output_shapes))

    def _values(self, layer: Layer, elements: int, estimate: Estimated, inside: int) -> Values:
        text = self.strings.place
        axes = [text(shape(sizes)) if sizes else 0 for sizes in (layer.receptive_field, layer.jump, layer.offset)]
        return (
            text(layer.kind),
            text(located(layer.file, layer.line) if layer.file else ""),
            text(_caller(layer)),
            text(layer.settings),
            layer.calls,
            text(shapes(layer.input_shapes)),
            text(shapes(layer.output_shapes)),
            wire(layer.params),
            known(layer.macs),
            known(layer.other_flops),
            wire(elements),
            *axes,
            text(layer.reach),
            short(estimate.seconds),
            text(estimate.bound),
            wire(estimate.flops),
            wire(estimate.nbytes),
            short(estimate.joules),
            inside,
        )

    def _sum(self, module: Module) -> Values:
        """One row for a module and all below it."""
        below = [one.layer for one in (*module.below(), module) if one.layer]
        own = module.layer or Layer(module.name, "")
        found = [self.estimated[layer.path] for layer in below if layer.path in self.estimated]
        added = Estimated(
            sum(item.seconds for item in found),
            max(found, key=lambda item: item.seconds).bound if found else "",
            sum(item.flops for item in found),
            sum(item.nbytes for item in found),
            sum(item.joules for item in found),
        )
        whole = Layer(
            own.path,
            own.kind,
            own.file,
            own.line,
            own.calls,
            own.input_shapes,
            own.output_shapes,
            params=sum(layer.params for layer in below),
            macs=total(layer.macs for layer in below),
            other_flops=total(layer.other_flops for layer in below),
        )
        leaves = (one.layer for one in module.below() if one.layer and not one.children)
        return self._values(whole, sum(map(self._leaf_elements, leaves)), added, len(below))


def _caller(layer: Layer) -> str:
    """The user's own line that had a library build the layer; empty where the layer is written there itself."""
    own = layer.construction[0] if layer.construction else None
    return "" if own is None or own.file == layer.file else located(own.file, own.first)


def _place(item: Item, items: list[Item], places: dict[Item, int]) -> int:
    """Where the item is among the distinct ones."""
    if item not in places:
        places[item] = len(items)
        items.append(item)
    return places[item]
