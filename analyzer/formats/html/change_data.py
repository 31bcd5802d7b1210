"""What differs between a model and another one, or its base, layer by layer, as a page draws it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from analyzer.formats.html.embedding import Strings, Wire, known, wire
from analyzer.formats.wording.limit_rows import what_happened
from analyzer.formats.wording.numbers import count, growth, located, size
from analyzer.values.counts import Layer, Total
from analyzer.values.gate_results import Difference, LayerChange


@dataclass(frozen=True, slots=True)
class Changed:
    """One layer that is not as it was; texts are places of strings, numbers are before and after."""

    path: int
    was: int
    """Its path before, where that was another."""
    status: str
    """"added", "removed", "changed" or "moved"."""
    said: int
    place: int
    params: tuple[Wire, Wire]
    macs: tuple[Wire | None, Wire | None]


@dataclass(frozen=True, slots=True)
class Changes:
    """All of them, and how many layers are as they were."""

    base: int
    params: Wire
    """Of the base."""
    macs: Wire | None
    layers: tuple[Changed, ...]
    unchanged: int


class TotalRow(NamedTuple):
    """One total before and after, as text."""

    title: str
    before: str
    after: str
    change: str


def changes(difference: Difference | None, strings: Strings) -> Changes | None:
    """What the page draws; None where there is nothing to compare with."""
    if difference is None or difference.before is None:
        return None
    before = difference.before
    layers = tuple(_changed(item, strings) for item in difference.layers)
    base = strings.place(difference.base)
    return Changes(base, wire(before.params), known(before.macs), layers, difference.unchanged)


def _changed(item: LayerChange, strings: Strings) -> Changed:
    before, after, text = item.before, item.after, strings.place
    written = after or before
    return Changed(
        path=text(item.path),
        was=text(item.was),
        status=item.status,
        said=text(what_happened(item)),
        place=text(located(written.file, written.line) if written and written.file else ""),
        params=(wire(before.params if before else 0), wire(after.params if after else 0)),
        macs=(_macs(before), _macs(after)),
    )


def _macs(layer: Layer | None) -> Wire | None:
    return known(layer.macs) if layer else 0


def total_rows(before: Total, after: Total) -> Iterator[TotalRow]:
    """The totals of both, and by how much they differ; those that neither has are left out."""
    for title, field, text in (
        ("Parameters", "params", count),
        ("MACs", "macs", count),
        ("Size", "param_bytes", size),
        ("Peak activations", "peak_activation_bytes", size),
    ):
        old, new = getattr(before, field), getattr(after, field)
        if (old, new) != (None, None):
            yield TotalRow(title, text(old), text(new), growth(new, old))
