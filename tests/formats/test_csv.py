"""Many models as comma-separated values."""

import csv
import io

from analyzer.formats.csv import COLUMNS, render, render_sweep
from analyzer.values.estimates import Span
from analyzer.values.sweep_rows import PublishedAccuracy, Sweep, SweepRow

FULL = SweepRow(
    "zoo:a", "a", 2**70, 3, 4, 5, 6, (7, 9), Span(0.1, 0.25), PublishedAccuracy(76.13, "acc@1"), True, on_front=True
)
FAILED = SweepRow("b, c.py", "b", failure='said "no"\nand left')


def read(text: str) -> list[dict[str, str]]:
    assert "\r" not in text
    return list(csv.DictReader(io.StringIO(text)))


def test_numbers_are_exact_and_what_is_not_known_is_empty() -> None:
    full, failed = read(render_sweep(Sweep(analyzer_version="1", device="d", sorted_by="macs", rows=(FULL, FAILED))))
    assert full == {
        "target": "zoo:a",
        "name": "a",
        "params": str(2**70),
        "macs": "3",
        "other_flops": "4",
        "activation_elements": "5",
        "peak_activation_bytes": "6",
        "receptive_field": "7x9",
        "seconds_low": "0.1",
        "seconds_high": "0.25",
        "accuracy": "76.13",
        "measure": "acc@1",
        "on_front": "1",
        "complete": "1",
        "uncounted": "",
        "failure": "",
    }
    told = {"target": FAILED.target, "name": "b", "complete": "0", "failure": FAILED.failure}
    assert failed == dict.fromkeys(COLUMNS, "") | told


def test_of_analyses_one_line_each(analysis) -> None:
    (row,) = read(render([analysis]))
    assert (row["target"], row["params"]) == (analysis.model.target, str(analysis.total.params))
