"""Two analyses of a model, layer by layer: what was added, removed, changed or moved, and what grew most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analyzer.gating.layer_matching import matched
from analyzer.gating.layer_settings import in_words
from analyzer.values.counts import Layer
from analyzer.values.gate_results import Difference, LayerChange
from analyzer.values.results import Analysis

SAME: Final = ("kind", "settings", "params", "macs", "calls")
"""Two layers that agree in these are unchanged."""


def difference(before: Analysis | None, after: Analysis, base: str, metric: str = "params") -> Difference:
    """What changed since the base, which is called `base`; what grew most in the metric comes first.

    Layers are matched by path, then subtrees of the same structure under another path. `before` is None for a model
    that the base does not have: all its layers are then new, and listed.
    """
    old = {layer.path: layer for layer in before.layers} if before else {}
    new = {layer.path: layer for layer in after.layers}
    pairs = matched(old, new)
    rows = [row for path, layer in new.items() if (row := _row(layer, pairs.get(path), old, pairs))]
    gone = old.keys() - set(pairs.values())
    rows += [LayerChange(path, "removed", layer, None) for path, layer in old.items() if path in gone]
    listed = [row for row in rows if row.status != "added" or _matters(row.after)]
    listed = [row for row in listed if row.status != "removed" or _matters(row.before)]
    unchanged = len(new) - sum(row.after is not None for row in rows)
    return Difference(
        base=base,
        before=before.total if before else None,
        layers=tuple(sorted(listed, key=lambda row: _rank(row, metric))),
        unchanged=unchanged,
    )


def _row(layer: Layer, was: str | None, old: Mapping[str, Layer], pairs: Mapping[str, str]) -> LayerChange | None:
    """The layer's change; None when it has none of its own."""
    if was is None:
        return LayerChange(layer.path, "added", None, layer)
    before = old[was]
    moved = was if was != layer.path else None
    if any(getattr(before, name) != getattr(layer, name) for name in SAME):
        return LayerChange(layer.path, "changed", before, layer, moved, changes(before, layer))
    if moved is None or _moved_with_its_parent(layer.path, was, pairs):
        return None
    below = sum(path.startswith(f"{layer.path}.") for path in pairs)
    if not below and not _matters(layer):
        return None
    words = (f"with {below} {'layer' if below == 1 else 'layers'} below it",) if below else ()
    return LayerChange(layer.path, "moved", before, layer, moved, words)


def _moved_with_its_parent(path: str, was: str, pairs: Mapping[str, str]) -> bool:
    """Whether a layer above it, which has a row of its own, was moved from the same place."""
    parent, _, name = path.rpartition(".")
    old_parent, _, old_name = was.rpartition(".")
    if name != old_name or not parent or not old_parent or parent == old_parent:
        return False
    return pairs.get(parent) == old_parent or _moved_with_its_parent(parent, old_parent, pairs)


def _matters(layer: Layer | None) -> bool:
    """Whether it has parameters or work; containers and activations come and go with others."""
    return layer is not None and bool(layer.params or layer.macs)


def changes(before: Layer, after: Layer) -> tuple[str, ...]:
    """What changed in words: "kernel 3 to 5", "groups 32 to 1"; where the settings are alike, what else is not."""
    words = in_words(before.settings, after.settings)
    if before.kind != after.kind:
        words = (f"{before.kind} to {after.kind}",)
    if words:
        return words
    if before.input_shapes != after.input_shapes and before.params == after.params:
        words += (f"input {_shapes(before)} to {_shapes(after)}",)
    if before.params != after.params:
        words += (f"parameters {before.params:,} to {after.params:,}",)
    if before.calls != after.calls:
        words += (f"calls {before.calls} to {after.calls}",)
    return words


def _shapes(layer: Layer) -> str:
    return ", ".join("×".join(map(str, shape)) for shape in layer.input_shapes) or "none"


def growth(row: LayerChange) -> tuple[int, int]:
    """How many parameters and MACs more than before."""
    before, after = row.before, row.after
    params = (after.params if after else 0) - (before.params if before else 0)
    macs = ((after.macs or 0) if after else 0) - ((before.macs or 0) if before else 0)
    return params, macs


def _rank(row: LayerChange, metric: str) -> tuple[int, ...]:
    params, macs = growth(row)
    return (-macs, -params) if metric == "macs" else (-params, -macs)
