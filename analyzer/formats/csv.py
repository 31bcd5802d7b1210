"""Many models as comma-separated values: exact numbers, empty where one is not known."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from io import StringIO
from typing import Final

from analyzer.formats.wording.numbers import shape
from analyzer.values.results import Analysis
from analyzer.values.sweep_rows import Sweep, SweepRow, row_of

COLUMNS: Final[dict[str, Callable[[SweepRow], object]]] = {
    "target": lambda row: row.target,
    "name": lambda row: row.name,
    "params": lambda row: row.params,
    "macs": lambda row: row.macs,
    "other_flops": lambda row: row.other_flops,
    "activation_elements": lambda row: row.activation_elements,
    "peak_activation_bytes": lambda row: row.peak_activation_bytes,
    "receptive_field": lambda row: shape(row.receptive_field).replace("×", "x") if row.receptive_field else None,
    "seconds_low": lambda row: row.seconds.low if row.seconds else None,
    "seconds_high": lambda row: row.seconds.high if row.seconds else None,
    "accuracy": lambda row: row.accuracy.value if row.accuracy else None,
    "measure": lambda row: row.accuracy.measure if row.accuracy else None,
    "on_front": lambda row: None if row.on_front is None else int(row.on_front),
    "complete": lambda row: int(row.complete),
    "uncounted": lambda row: " ".join(row.uncounted),
    "failure": lambda row: row.failure,
}


def render(analyses: Sequence[Analysis]) -> str:
    """The same of models that were analysed together, in the order given."""
    return _text(row_of(analysis, analysis.model.target) for analysis in analyses)


def render_sweep(sweep: Sweep) -> str:
    """One line a model below the names of the columns; truth values are 1 and 0."""
    return _text(sweep.rows)


def _text(rows: Iterable[SweepRow]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([value(row) for value in COLUMNS.values()] for row in rows)
    return text.getvalue()
