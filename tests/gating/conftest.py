"""A real git repository with a small network, as a pull request meets it; and analyses by hand, from a few numbers."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analyzer import config
from analyzer.gating import analyses_of, gate, plan_for
from analyzer.values.advice import Advice, Saving
from analyzer.values.counts import Layer, Model, Total, Tracing
from analyzer.values.errors import Problem
from analyzer.values.requests import AnalysisOptions, ModelRequest, WorkRequest
from analyzer.values.results import Analysis

MODEL = """\
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, kernel=3):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Block(3, 8)
        self.body = nn.Sequential(Block(8, 16), Block(16, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean((2, 3)))
"""
PARAMS = (3 * 8 * 9 + 16) + (8 * 16 * 9 + 32) + (16 * 16 * 9 + 32) + (16 * 10 + 10)
"""3,932: two for each channel of a normalization."""
CONFIG = """\
[[models]]
target = "model.py:Net"
input = "1x3x16x16"
[[models.budgets]]
name = "mobile"
params = 4500
max-increase = { params = "10%", min = 100 }
"""
COUNTS = WorkRequest((), AnalysisOptions(construction=True))
TODAY = date(2030, 6, 1)


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass(frozen=True)
class Checkout:
    """The user's repository, with the branch `topic` checked out, and what the gate says of it."""

    top: Path

    def write(self, name: str, text: str) -> None:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, old: str, new: str, name: str = "model.py") -> None:
        text = (self.top / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def commit(self, message: str = "Change") -> None:
        git(self.top, "add", "-A")
        git(self.top, "commit", "-qm", message)

    def branch(self) -> None:
        """main takes what was committed; further commits are the pull request's."""
        git(self.top, "branch", "-qf", "main", "HEAD")

    def gate(
        self, against: str | None = "main", inside: str = ".", *targets: str, broken_base: str = "fail", **options
    ) -> list[Analysis]:
        """All configured models, or the targets, gated inside a directory; the repository is left as it was."""
        before, here = self.state(), Path.cwd()
        os.chdir(self.top / inside)
        try:
            file = config.find(Path.cwd())
            asked = [ModelRequest(target) for target in targets]
            plan = plan_for(config.read(file) if file else None, asked, **options)
            analyses = analyses_of(plan, COUNTS)
            return gate(analyses, plan, against, today=TODAY, broken_base=broken_base)
        finally:
            os.chdir(here)
            assert self.state() == before

    def refused(self, *given, **options) -> str:
        with pytest.raises(Problem) as caught:
            self.gate(*given, **options)
        return str(caught.value)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """The command as a process of its own, at the top of the repository; it leaves no compiled files."""
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
        command = [sys.executable, "-m", "analyzer", *arguments]
        return subprocess.Popen(
            command, cwd=self.top, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def state(self) -> tuple[str, ...]:
        """All that must be left as it is: status, worktrees, stash, branches, and the index."""
        commands = (
            ("status", "--porcelain", "--ignored"),
            ("worktree", "list", "--porcelain"),
            ("stash", "list"),
            ("for-each-ref",),
            ("ls-files", "--stage"),
        )
        return tuple(git(self.top, *command) for command in commands)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that each test starts from: main with the network and its budget, topic checked out."""
    top = tmp_path_factory.mktemp("template") / "repository"
    checkout = Checkout(top)
    checkout.write("model.py", MODEL)
    checkout.write("analyze.toml", CONFIG)
    checkout.write(".gitignore", "__pycache__\n")
    git(top, "init", "-q", "-b", "main")
    checkout.commit("Begin")
    git(top, "checkout", "-qb", "topic")
    return top


@pytest.fixture
def checkout(template: Path, tmp_path: Path) -> Checkout:
    shutil.copytree(template, tmp_path / "repository")
    return Checkout(tmp_path / "repository")


@pytest.fixture
def default_signals() -> Iterator[None]:
    """As in a terminal, also where the suite itself was started in the background or by `nohup`."""
    defaults = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    former = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


def _layer(path: str, params: int = 0, macs: int = 0, **given: Any) -> Layer:
    return Layer(path=path, kind=given.pop("kind", "Conv2d"), params=params, macs=macs, calls=1, **given)


def _analysis(*layers: Layer, **given: Any) -> Analysis:
    """Four bytes a parameter, all of them trainable; fields of `Total` may be given, others are the analysis's own."""
    params, macs = sum(item.params for item in layers), sum(item.macs or 0 for item in layers)
    known: dict[str, Any] = {"params": params, "trainable_params": params, "buffers": 0, "param_bytes": 4 * params}
    known |= {"macs": macs, "flops": 2 * macs, "other_flops": 0, "activation_elements": 0, "peak_activation_bytes": 0}
    totals = {name: given.pop(name, value) for name, value in known.items()}
    standard: dict[str, Any] = {
        "analyzer_version": "0",
        "model": Model("net", "net.py", "Net"),
        "inputs": (),
        "tracing": Tracing("meta", 1),
        "complete": True,
    }
    return Analysis(**{**standard, "total": Total(**totals), "layers": layers, **given})


def _advice(path: str, params: int = 0, macs: int = 0, effort: str = "retrain", **given: Any) -> Advice:
    standard: dict[str, Any] = {"rule": "SEP101", "name": "depthwise-separable", "level": "warning", "current": "a"}
    standard |= {"proposed": "b", "saved": Saving(params, macs), "bytes_ratio": None, "bound": None}
    return Advice(**{**standard, "path": path, "effort": effort, **given})


@pytest.fixture(scope="session")
def layer() -> Callable[..., Layer]:
    return _layer


@pytest.fixture(scope="session")
def analysis() -> Callable[..., Analysis]:
    return _analysis


@pytest.fixture(scope="session")
def advice() -> Callable[..., Advice]:
    return _advice
