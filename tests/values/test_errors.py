"""Exceptions in one line."""

import pytest

from analyzer.values.errors import first_line, one_line


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("a\nb"), "ValueError: a"), (KeyError("k"), "KeyError: 'k'"), (AssertionError(), "AssertionError")],
)
def test_an_exception_in_one_line(error, text):
    assert one_line(error) == text


def test_the_first_line_of_nothing_is_empty():
    assert first_line("\n \n") == first_line("") == ""
