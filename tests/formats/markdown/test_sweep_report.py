"""The table of many models as markdown."""

from analyzer.formats.markdown.sweep_report import render
from analyzer.values.estimates import Span
from analyzer.values.sweep_rows import PublishedAccuracy, Sweep, SweepRow

GOOD = SweepRow(
    "zoo:a_b", "a_b", 25_557_032, 4_089_184_256, 4, 5, 2048, (7, 9), Span(0.1, 0.25), complete=True,
    accuracy=PublishedAccuracy(76.13, "ImageNet-1K acc@1"), on_front=True,
)  # fmt: skip
LEAST = SweepRow("odd.py", "odd", 10, 3_000, complete=False, uncounted=("odd::op",))
FAILED = SweepRow("bad.py", "bad", failure="bad.py: ValueError: a|b <i>\nsecond")


def rendered(*rows: SweepRow, figure: str | None = None) -> str:
    return render(Sweep(analyzer_version="1", device="laptop-core", sorted_by="macs", rows=rows), figure)


def test_a_row_a_model_and_reasons_apart() -> None:
    text = rendered(GOOD, LEAST, FAILED, figure="table.svg")
    assert text.startswith("# 3 models, 1 without an analysis\n")
    (row,) = (line for line in text.splitlines() if "`zoo:a_b`" in line)
    cells = [" ".join(cell.split()) for cell in row.strip("|").split("|")]
    assert cells[1:3] == ["25.56 M", "4.09 G"]
    assert cells[5:] == ["2.0 KiB", "7×9", "100 to 250 ms", "76.13", "ImageNet-1K acc@1", "front", ""]
    (least,) = (line for line in text.splitlines() if "`odd.py`" in line)
    assert "≥\u00a03.00\u00a0k" in least
    assert least.rstrip("| ").endswith("odd::op")
    failed = text.partition("## Without an analysis")[2]
    assert "`bad.py`" in failed
    assert "a\\|b \\<i\\> second" in failed
    assert "](table.svg)" in text
    assert "on laptop-core, not measured" in text


def test_only_what_the_table_has_is_explained() -> None:
    plain = rendered(SweepRow("a", "a", 1, 2, 3, 4, 5, complete=True))
    assert "- Sorted by macs." in plain
    assert all(word not in plain for word in ("front", "accuracy", "≥", "receptive field", "time:", "reason", "!["))


def test_nothing_but_failures() -> None:
    text = rendered(FAILED, figure="table.svg")
    assert "# 1 model, 1 without an analysis" in text
    assert "table.svg" not in text
