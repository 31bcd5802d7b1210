from types import SimpleNamespace

import pytest
import tabulate
from markdown_it import MarkdownIt

from analyzer.formats.markdown.markdown_text import MAX_ALIGNED_ROWS, code, cut, details, placed, prose, table

HTML = MarkdownIt("commonmark").enable("table")


@pytest.mark.parametrize("name", ["conv1", "a`b", "``", "`x`", "a|b", "<b>&amp;", "*_[x](y)", "größe.层", "x\\"])
def test_a_name_reads_as_it_is_written(name):
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert HTML.render(code(name)) == f"<p><code>{escaped}</code></p>\n"


@pytest.mark.parametrize(
    "text", ["a * b * c", "<script>", "[a](b)", "_x_", "snake_case_name", "a & b", "one ` tick", "\\"]
)
def test_prose_is_never_markup(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert HTML.render(prose(text)) == f"<p>{escaped}</p>\n"


def test_prose_keeps_code_spans_and_is_one_line():
    assert prose("the `a_*` of\n x*") == "the `a_*` of x\\*"


def test_a_table_aligns_numbers_and_drops_columns_without_text():
    assert table("name|empty|macs:", [("a", "", "1"), ("b", "", "1,000")]).splitlines() == [
        "| name   |   macs |",
        "|:-------|-------:|",
        "| a      |      1 |",
        "| b      |  1,000 |",
    ]


def test_a_number_never_breaks_before_its_unit():
    assert "25.56\u00a0M" in table("name|params:", [("a b", "25.56 M")])
    assert "a b" in table("name|params:", [("a b", "25.56 M")])


def test_numbers_are_not_reformatted():
    assert "| 1.10 " in table("x", [("1.10",)])
    assert "0x10" in table("x", [("0x10",)])


@pytest.mark.parametrize("name", ["a|b", "a||b", "`|"])
def test_pipes_stay_inside_their_cell(name):
    html = HTML.render(table("name|n:", [(code(name), "1")]))
    assert html.count("<td") == 2
    assert f"<code>{name}</code>" in html


def test_no_rows_are_no_table():
    assert table("a|b", []) == ""


def test_a_long_table_is_not_padded():
    rows = [("x" * (1 + 50 * (number == 7)), "1") for number in range(MAX_ALIGNED_ROWS + 1)]
    text = table("name|n:", rows)
    assert "  " not in text
    assert HTML.render(text).count("<tr>") == len(rows) + 1


def test_folded_markdown_has_the_blank_line_it_needs():
    html = HTML.render(details("All 2 layers", table("a", [("b",)])))
    assert "<table>" in html
    assert html.endswith("</details>")


def test_a_table_is_padded_alike_whatever_is_installed(monkeypatch):
    monkeypatch.setattr(tabulate, "wcwidth", SimpleNamespace(wcswidth=lambda text: 2 * len(text)))
    monkeypatch.setattr(tabulate, "WIDE_CHARS_MODE", True)
    assert table("名", [("卷积",)]) == "| 名   |\n|:----|\n| 卷积  |"


@pytest.mark.parametrize(
    ("given", "cell"),
    [
        ((["conv"], "net.py", 8), "`conv`<br>`net.py:8`"),
        ((["conv"], "net.py", None), "`conv`<br>`net.py`"),
        ((["conv"], None, None), "`conv`"),
        ((["a", "b", "c"], "net.py", 8), "`a`, `b`, `c`<br>`net.py:8`"),
        ((["a", "b", "c", "d", "e"], "net.py", 8), "`a`, `b`, `c` and 2 more<br>`net.py:8`"),
        (([""], "net.py", 8), "the model itself<br>`net.py:8`"),
    ],
)
def test_a_layer_stands_above_its_source(given, cell):
    assert placed(*given) == cell


@pytest.mark.parametrize(("most", "lines"), [(100, 10), (99, 8), (89, 7), (88, 6), (29, 1), (28, 0)])
def test_a_text_is_cut_after_a_whole_line(most, lines):
    """Ten lines of ten bytes; 19 are kept for "more." and for what may have to be closed."""
    text = "123456789\n" * 10
    shortened = cut(text, most, "more.")
    assert len(shortened.encode()) <= most
    assert shortened == (text if lines == 10 else "123456789\n" * lines + "\nmore.\n" if lines else "\n\nmore.\n")


def test_bytes_are_what_is_counted():
    assert cut("é\né\n", 6, "") == "é\né\n"
    assert cut("é\né\n", 5, "") != "é\né\n"


def test_what_was_open_is_closed_again():
    text = f"{details('all', table('a', [(str(number),) for number in range(99)]))}\n"
    shortened = cut(text, 200, "more.")
    assert shortened.endswith(" |\n\n</details>\n\nmore.\n")
    assert len(shortened.encode()) <= 200
