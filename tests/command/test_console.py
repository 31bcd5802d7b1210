"""Progress is for terminals only."""

import sys
from io import StringIO

import pytest

from analyzer.command.console import is_terminal, progress_bar
from analyzer.gating.channel import Message


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_closed_streams_and_files_are_no_terminals() -> None:
    assert not is_terminal(None)
    assert not is_terminal(StringIO())
    assert is_terminal(Terminal())


def test_nothing_is_shown_where_stderr_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", StringIO())
    with progress_bar(2) as listen:
        listen(Message(begun="a.py"))
    assert sys.stderr.getvalue() == ""


def test_a_terminal_is_told_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bar(2) as listen:
        listen(Message(begun="a.py"))
        listen(Message(begun="b.py"))
        listen(Message(progress="b: advising"))
    assert "b: advising" in sys.stderr.getvalue()
