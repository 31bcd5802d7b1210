"""Names are printed as they are, whatever rich would make of them."""

import pytest

from analyzer.formats.terminal.console_text import numbered, rendered, styled, table


@pytest.mark.parametrize("name", ["[red]x[/red]", ":smile:", "[b]"])
def test_names_are_neither_markup_nor_emoji(name):
    assert rendered([name, styled(name, "bold"), table(("",), [(name,)])], 80, colour=False).split() == [name] * 3


def test_control_characters_are_written_out():
    assert rendered(["a\nb\x1b[31m"], 80, colour=False) == "a\\nb\\x1b[31m\n"


def test_a_numbered_line_goes_on_below_its_first_word():
    assert rendered([numbered(["one two three", "four"])], 12, colour=False) == "1. one two\n   three\n2. four\n"
