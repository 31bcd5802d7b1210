"""What is said of many models: the columns of their table, and what the front is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from analyzer.formats.wording.numbers import count, plural, shape, size
from analyzer.formats.wording.quantities import seconds, span
from analyzer.values.sweep_rows import Sweep, SweepRow

CELLS: Final[dict[str, Callable[[SweepRow], str]]] = {
    "parameters:": lambda row: count(row.params),
    "MACs:": lambda row: count(row.macs) if row.complete or row.macs is None else f"≥ {count(row.macs)}",
    "other FLOPs:": lambda row: count(row.other_flops),
    "activations:": lambda row: count(row.activation_elements),
    "peak memory:": lambda row: size(row.peak_activation_bytes),
    "receptive field:": lambda row: shape(row.receptive_field) if row.receptive_field else "",
    "time:": lambda row: span(row.seconds, seconds) if row.seconds else "",
    "accuracy:": lambda row: f"{row.accuracy.value:g}" if row.accuracy else "",
    "measure": lambda row: row.accuracy.measure if row.accuracy else "",
    "front": lambda row: "front" if row.on_front else "",
    "not counted": lambda row: ", ".join(row.uncounted),
}
"""By the column's title, which ends with ":" where it holds numbers."""
FRONT: Final = (
    "front: of the models whose weights state an accuracy by the same measure, no other is as accurate for as few MACs."
)
REACH: Final = (
    "receptive field: the widest of the layers that do not read the whole input, as global pooling and attention do."
)


def title(sweep: Sweep) -> str:
    """How many models there are, and how many of them have no analysis."""
    failed = len(sweep.failed)
    return plural(len(sweep.rows), "model") + (f", {failed:,} without an analysis" if failed else "")


def notes(sweep: Sweep) -> tuple[str, ...]:
    """How the table is to be read: only what it has."""
    rows = sweep.analysed
    said = (
        (f"Sorted by {sweep.sorted_by}.", True),
        (f"time: estimated for one inference on {sweep.device}, not measured.", any(row.seconds for row in rows)),
        (REACH, any(row.receptive_field for row in rows)),
        ("accuracy: as the zoo's installed metadata states it for its default weights.", any(r.accuracy for r in rows)),
        (FRONT, any(row.on_front for row in rows)),
        ("≥: operators without a count ran, so there are more MACs.", any(not r.complete and r.macs for r in rows)),
    )
    return tuple(sentence for sentence, holds in said if holds)


def failures(sweep: Sweep) -> str:
    """How many models have no analysis, as a sentence."""
    return f"{len(sweep.failed):,} of {plural(len(sweep.rows), 'model')} could not be analysed"
