"""A directory of its own for each test, and the command as a user runs it there, within this process."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyzer import cli

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.conv(x).mean((2, 3))
        return self.head(x)
"""


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Workspace:
    """The working directory, files to put in it, and what the command does there."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def write(self, name: str, content: str | bytes) -> None:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def net(self, old: str = "", new: str = "", more: str = "") -> None:
        """Write model.py: `Net`, with one piece of its text replaced and more text after it."""
        assert old in NET
        self.write("model.py", NET.replace(old, new) + more if old else NET + more)

    def analyze(self, *arguments: str) -> Finished:
        self.monkeypatch.setattr(sys, "argv", ["analyze", *arguments])
        self.capsys.readouterr()
        status = 0
        try:
            cli.main()
        except SystemExit as request:
            status = request.code or 0  # None is success as well
        return Finished(status, *self.capsys.readouterr())

    def json(self, *arguments: str) -> dict:
        """The JSON report of a run that succeeds."""
        done = self.analyze(*arguments, "--output", "json:-")
        assert (done.status, done.err) == (0, "")
        return json.loads(done.out)

    def refused(self, *arguments: str) -> str:
        """The sentence of a run that must fail as every bad input does: exit 2, one line, nothing else, no file."""
        before = self.contents()
        done = self.analyze(*arguments)
        assert (done.status, done.out) == (2, "")
        (line,) = done.err.splitlines()
        assert line.startswith("analyze: error: ")
        assert not line.startswith("analyze: error: unexpected ")
        assert "Traceback" not in line
        assert self.contents() == before
        return line.removeprefix("analyze: error: ")

    def contents(self) -> dict[str, bytes | None]:
        """Every file here with its bytes, every directory with None; caches of compiled files left out."""
        found = (path for path in sorted(Path().rglob("*")) if "__pycache__" not in path.parts)
        return {str(path): path.read_bytes() if path.is_file() else None for path in found}


@pytest.fixture
def here(tmp_path, monkeypatch, capsys, in_process):
    """The command's working directory, empty."""
    monkeypatch.chdir(tmp_path)
    return Workspace(capsys, monkeypatch)
