"""Many models as a table in a terminal."""

import pytest

from analyzer.formats.terminal.sweep_summary import TOP, render
from analyzer.values.sweep_rows import Sweep, SweepRow


def sweep(good: int, failed: int) -> Sweep:
    rows = [SweepRow(f"zoo:model{n:02}", f"model{n:02}", 10**6, 10**9, complete=True) for n in range(good)]
    rows += [SweepRow(f"bad{n:02}.py", f"bad{n:02}", failure=f"bad{n:02}.py: ValueError: odd") for n in range(failed)]
    return Sweep(analyzer_version="1", device="d", sorted_by="macs", rows=tuple(rows))


@pytest.mark.parametrize("width", [80, 120])
def test_a_line_a_model_and_each_reason(width: int) -> None:
    lines = render(sweep(2, 1), width, written=["reports/sweep.md"]).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0] == "3 models, 1 without an analysis"
    assert lines[1].split()[:3] == ["model", "parameters", "MACs"]
    assert lines[2].split()[:5] == ["zoo:model00", "1.00", "M", "1.00", "G"]
    assert lines[-2:] == ["bad00.py: ValueError: odd", "written to reports/sweep.md"]


def test_a_long_table_is_cut_and_says_so() -> None:
    text = render(sweep(TOP + 3, TOP + 2), 80)
    assert ("and 3 more in the report" in text, "and 2 more without an analysis" in text) == (True, True)
    assert f"zoo:model{TOP:02}" not in text
