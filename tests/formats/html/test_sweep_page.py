"""The table of many models as a page: it stands without scripts, and nothing in it is markup of the user's."""

import re
from html.parser import HTMLParser

import pytest

from analyzer.formats.html.sweep_page import render
from analyzer.values.sweep_rows import PublishedAccuracy, Sweep, SweepRow

ROWS = (
    SweepRow("zoo:a", "a", 2**70, 3000, complete=True, accuracy=PublishedAccuracy(76.13, "acc@1"), on_front=True),
    SweepRow("zoo:b", "b", 10, 20_000, complete=True),
    SweepRow("<b>.py", "bad", failure="said <script>alert(1)</script>"),
)


def page(*rows: SweepRow) -> str:
    return render(Sweep(analyzer_version="1", device="laptop-core", sorted_by="macs", rows=rows))


class Cells(HTMLParser):
    """What each row of a body says, and what its cells are sorted by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.values: list[list[str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes) -> None:
        if tag == "tr":
            self.rows.append([])
            self.values.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
            self.values[-1].append(dict(attributes).get("data-value"))

    def handle_data(self, data) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def test_each_model_is_a_row_and_exact_numbers_are_what_sorts() -> None:
    cells = Cells(page(*ROWS))
    titles, first, second = cells.rows[:3]
    assert titles[:3] == ["model", "parameters", "MACs"]
    assert first[:3] == ["zoo:a", "1180.59 E", "3.00 k"]
    assert cells.values[1][:3] == ["zoo:a", str(2**70), "3000"]
    accuracy = titles.index("accuracy")
    assert (first[accuracy], cells.values[2][accuracy], second[accuracy]) == ("76.13", "", "")
    assert [row[0] for row in cells.rows] == ["model", "zoo:a", "zoo:b", "model", "<b>.py"]


def test_nothing_of_the_users_is_markup() -> None:
    text = page(*ROWS)
    assert "<b>.py" not in text
    assert text.count("<script>") == 1
    assert "said &lt;script&gt;" in text


def test_nothing_but_failures_is_a_page_as_well() -> None:
    text = page(ROWS[2])
    assert 'id="table"' not in text
    assert "Without an analysis" in text


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]])
def test_the_policy_names_the_one_script_and_the_one_style(rows) -> None:
    from analyzer.formats.html.page import content_hash

    text = page(*rows)
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert f"{tag}-src '{content_hash(content)}'" in text
