import pytest
from markdown_it import MarkdownIt

from analyzer.formats.markdown_text import MAX_ALIGNED_ROWS, code, details, prose, table

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
