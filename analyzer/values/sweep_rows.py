"""Many models as rows of one table: what is kept of each, how the rows are ordered, and which are on the front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final, Literal

from analyzer.values.counts import Layer
from analyzer.values.estimates import Span
from analyzer.values.results import Analysis

BOUNDED: Final = ("exact", "unaligned")
"""What is said of receptive fields that end before the input does."""


@dataclass(frozen=True, slots=True)
class PublishedAccuracy:
    """What a zoo's own metadata states of a model, higher being better."""

    value: float
    measure: str
    """The data and the measure on them: "ImageNet-1K acc@1"."""


@dataclass(frozen=True, slots=True)
class SweepRow:
    """What a sweep keeps of one model; None where it is not known, all of it where the model failed."""

    target: str
    name: str
    params: int | None = None
    macs: int | None = None
    other_flops: int | None = None
    activation_elements: int | None = None
    """Elements of all operator outputs that are not views."""
    peak_activation_bytes: int | None = None
    receptive_field: tuple[int, ...] | None = None
    """The widest of the layers that do not read the whole input, in input positions along each axis."""
    seconds: Span | None = None
    """Estimated time of one inference on the sweep's device profile."""
    accuracy: PublishedAccuracy | None = None
    complete: bool = False
    """False when a contraction or an opaque operator has no count: then MACs are the least there are."""
    uncounted: tuple[str, ...] = ()
    """Operators that have no count."""
    failure: str = ""
    """Why there is no analysis; empty where there is one."""
    on_front: bool | None = None
    """Whether no other model with the same measure has an accuracy as high for as few MACs; None without accuracy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """All rows of one call, ordered."""

    schema_version: Literal[1] = 1
    analyzer_version: str
    device: str
    """The device profile that times are estimated for."""
    sorted_by: str
    rows: tuple[SweepRow, ...]

    @property
    def analysed(self) -> tuple[SweepRow, ...]:
        return tuple(row for row in self.rows if not row.failure)

    @property
    def failed(self) -> tuple[SweepRow, ...]:
        return tuple(row for row in self.rows if row.failure)


COLUMNS: Final[dict[str, Callable[[SweepRow], float | str | None]]] = {
    "macs": lambda row: row.macs,
    "params": lambda row: row.params,
    "activations": lambda row: row.activation_elements,
    "peak-memory": lambda row: row.peak_activation_bytes,
    "receptive-field": lambda row: prod(row.receptive_field) if row.receptive_field else None,
    "time": lambda row: row.seconds.low + row.seconds.high if row.seconds else None,
    "accuracy": lambda row: -row.accuracy.value if row.accuracy else None,
    "target": lambda row: row.target,
}
"""What rows can be sorted by, the least first; of accuracy the highest."""


def row_of(analysis: Analysis, target: str, accuracy: PublishedAccuracy | None = None) -> SweepRow:
    """What is kept of an analysis; `target` is how it was asked for."""
    total, estimates = analysis.total, analysis.estimates
    return SweepRow(
        target=target,
        name=analysis.model.name,
        params=total.params,
        macs=total.macs,
        other_flops=total.other_flops,
        activation_elements=total.activation_elements,
        peak_activation_bytes=total.peak_activation_bytes,
        receptive_field=_widest(analysis.layers),
        seconds=estimates.time.seconds if estimates else None,
        accuracy=accuracy,
        complete=analysis.complete,
        uncounted=tuple(dict.fromkeys(item.operator for item in analysis.uncounted)),
    )


def _widest(layers: Iterable[Layer]) -> tuple[int, ...] | None:
    bounded = (layer.receptive_field for layer in layers if layer.reach in BOUNDED and layer.receptive_field)
    return max(bounded, key=prod, default=None)


def sorted_rows(rows: Iterable[SweepRow], column: str) -> tuple[SweepRow, ...]:
    """The rows with the front marked, by one of `COLUMNS`, equal ones by target; those without a value come last."""
    value = COLUMNS[column]

    def key(row: SweepRow) -> tuple[bool, float | str, str]:
        found = value(row)
        return found is None, "" if found is None else found, row.target

    return tuple(sorted(_with_front(tuple(rows)), key=key))


def _with_front(rows: Sequence[SweepRow]) -> Iterable[SweepRow]:
    """Rows of one measure are compared with each other; MACs that are not known to be all do not take part."""
    return (replace(row, on_front=_is_on_front(row, rows) if _compares(row) else None) for row in rows)


def _compares(row: SweepRow) -> bool:
    return row.accuracy is not None and row.macs is not None and row.complete


def _is_on_front(row: SweepRow, rows: Iterable[SweepRow]) -> bool:
    return not any(_compares(other) and _dominates(other, row) for other in rows)


def _dominates(other: SweepRow, row: SweepRow) -> bool:
    """Whether the other is as accurate by the same measure for as few MACs, and better in one of the two."""
    if other.accuracy is None or row.accuracy is None or other.macs is None or row.macs is None:
        return False
    if other.accuracy.measure != row.accuracy.measure:
        return False
    gain, saving = other.accuracy.value - row.accuracy.value, row.macs - other.macs
    return gain >= 0 and saving >= 0 and (gain > 0 or saving > 0)
