"""Names that would act on a log are written out."""

import pytest

from analyzer.formats.wording.log_text import one_line, without_control


@pytest.mark.parametrize("text", ["plain", "é ✅ …", "a::b", "16×16", "a ##[b"])
def test_what_is_harmless_is_left_alone(text: str) -> None:
    assert one_line(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\r::error::b", r"a\r::error::b"),
        ("\u202eabc", r"\u202eabc"),
        ("\x9b2J", r"\x9b2J"),
        ("\u2028", r"\u2028"),
        ("::error::x", r"\::error::x"),
        ("  ##[group]x", r"\  ##[group]x"),
    ],
)
def test_what_acts_on_a_log_is_shown(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_messages_keep_their_beginning() -> None:
    assert without_control("::a\n") == r"::a\n"
