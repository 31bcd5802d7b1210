"""Two analyses of a model, layer by layer: what was added, removed, changed or moved, and what grew most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analyzer.gating.layer_matching import matched
from analyzer.values.counts import Layer, LayerArgument
from analyzer.values.gate_results import Difference, LayerChange, SettingChange
from analyzer.values.results import Analysis

SAME: Final = ("kind", "settings", "arguments", "params", "macs", "calls")
"""Two layers that agree in these are unchanged."""
FIRST: Final = ("kernel_size", "groups", "in_channels", "out_channels", "in_features", "out_features", "stride")
"""Arguments that tell most; the others follow as the constructor takes them."""


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
    listed = [row for row in rows if row.status in ("changed", "moved") or _matters(row.after or row.before)]
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
    if any(_differs(before, layer, name) for name in SAME):
        return LayerChange(layer.path, "changed", before, layer, moved, changes(before, layer))
    if moved is None or _moved_with_its_parent(layer.path, was, pairs):
        return None
    below = sum(path.startswith(f"{layer.path}.") for path in pairs)
    if not below and not _matters(layer):
        return None
    return LayerChange(layer.path, "moved", before, layer, moved, below=below)


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


def changes(before: Layer, after: Layer) -> tuple[SettingChange, ...]:
    """In what the layers differ: the class, else how they were built, else what their numbers follow from."""
    if before.kind != after.kind:
        return (SettingChange("kind", before.kind, after.kind),)
    if built := _built_otherwise(before, after):
        return built
    found = [SettingChange(name, *pair) for name in ("params", "calls") if (pair := _pair(before, after, name))]
    if before.input_shapes != after.input_shapes and before.params == after.params:
        found.insert(0, SettingChange("input_shapes", _shapes(before), _shapes(after)))
    return tuple(found)


def _built_otherwise(before: Layer, after: Layer) -> tuple[SettingChange, ...]:
    """Constructor arguments that differ; a report of an earlier version has none, but the text of all of them."""
    old, new = before.arguments, after.arguments
    if not (old and new):
        return (SettingChange("settings", *pair),) if (pair := _pair(before, after, "settings")) else ()
    names = sorted({**old, **new}, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    pairs = ((name, old.get(name), new.get(name)) for name in names)
    return tuple(SettingChange(name, was, now) for name, was, now in pairs if was != now)


def _pair(before: Layer, after: Layer, name: str) -> tuple[LayerArgument, LayerArgument] | None:
    was, now = getattr(before, name), getattr(after, name)
    return (was, now) if was != now else None


def _differs(before: Layer, after: Layer, name: str) -> bool:
    """An earlier version's report has no arguments, which is no change."""
    if name == "arguments" and not (before.arguments and after.arguments):
        return False
    return bool(getattr(before, name) != getattr(after, name))


def _shapes(layer: Layer) -> tuple[str, ...]:
    return tuple("x".join(map(str, shape)) for shape in layer.input_shapes)


def growth(row: LayerChange) -> tuple[int, int]:
    """How many parameters and MACs more than before."""
    before, after = row.before, row.after
    params = (after.params if after else 0) - (before.params if before else 0)
    macs = ((after.macs or 0) if after else 0) - ((before.macs or 0) if before else 0)
    return params, macs


def _rank(row: LayerChange, metric: str) -> tuple[int, ...]:
    params, macs = growth(row)
    return (-macs, -params) if metric == "macs" else (-params, -macs)
