"""A worker's answer: analyses, or one sentence, whatever the model's code does."""

import threading
from io import BytesIO
from pathlib import Path

import pytest

from analyzer.command.worker import Reporter, answer
from analyzer.gating.channel import Message, opened
from analyzer.values.requests import ModelRequest, WorkRequest

FILE = "from torch import nn\n\n\nclass Net(nn.Linear):\n    def forward(self, x):\n        {}\n\n\nmodel = Net(2, 3)\n"
LOOP = "class Block(nn.Module):\n    def forward(self, x):\n        while True:\n            pass\n"


@pytest.fixture
def answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def of(text: str, **options) -> Message:
        Path("net.py").write_text(text)
        return answer(WorkRequest((ModelRequest("net.py", name="mine"),), **options), lambda _: None)

    return of


def test_analyses_under_the_name_that_was_given(answered) -> None:
    message = answered(FILE.format("return super().forward(x)"))
    assert message.problem is None
    assert [(item.model.name, item.total.params) for item in message.analyses] == [("mine", 2 * 3 + 3)]


def test_a_problem_is_its_sentence_and_its_traceback(answered) -> None:
    message = answered("import nothing_of_this_name\n")
    assert message.analyses is None
    assert message.problem.startswith("net.py:1: ModuleNotFoundError")
    assert message.traceback.startswith("Traceback (most recent call last):")


def test_nothing_is_told_after_the_last_message() -> None:
    stream = _Kept()
    tell = Reporter(stream, "key")
    for message in (Message(progress="a"), Message(problem="b"), Message(analyses=())):
        tell(message)
    assert [opened(line, "key") for line in stream.lines] == [Message(progress="a"), Message(problem="b")]


class _Kept(BytesIO):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []

    def write(self, line) -> int:
        self.lines.append(bytes(line))
        return len(line)


def test_no_thread_of_the_limit_is_left(answered) -> None:
    before = threading.active_count()
    answered(FILE.format("return super().forward(x)"), timeout=60)
    assert threading.active_count() == before
