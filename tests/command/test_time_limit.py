"""What takes too long is told with its line and its layer."""

import time
from pathlib import Path

import pytest

from analyzer.analysis import study
from analyzer.command.time_limit import time_limit
from analyzer.loading import load
from analyzer.values.requests import ModelRequest

FILE = """\
import time
from pathlib import Path
from torch import nn


class Block(nn.Module):
    def forward(self, x):
        while not Path("told").exists():
            time.sleep(0.02)
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 1), Block())

    def forward(self, x):
        return self.body(x)
"""

LOADING = """\
import time
from pathlib import Path
from torch import nn
while not Path("told").exists():
    time.sleep(0.02)
model = nn.Linear(2, 3)
"""


def told_of(seconds: float | None, work) -> list[str]:
    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        Path("told").touch()

    with time_limit(seconds, "net.py", tell):
        work()
    return told


def test_the_line_and_the_layer_of_a_forward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(FILE)
    loaded = load(ModelRequest("net.py:Net", ("1x3x8x8",)))
    assert told_of(5, lambda: study(loaded).analysis) == [
        "net.py: not analysed within 5 s: it was at net.py:9 in layer `body.1` (Block); allow more with --timeout"
    ]


def test_a_file_that_never_ends_to_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(LOADING)
    (said,) = told_of(5, lambda: load(ModelRequest("net.py")))
    assert said == "net.py: not analysed within 5 s: it was at net.py:5; allow more with --timeout"


def test_what_ends_in_time_or_has_no_limit_is_not_told() -> None:
    assert told_of(60, lambda: None) == []
    assert told_of(None, lambda: time.sleep(0.05)) == []
