"""Ctrl-C while `--fit` measures: the plan so far is written, and the status says that it was interrupted."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

NET = """\
import os
import signal
import threading

from torch import nn

SEEN = threading.Event()


def interrupt(module, value):
    \"\"\"Once the second convolution is exchanged: signal the command, and wait until that came through.\"\"\"
    if SEEN.is_set() or type(module.second) is nn.Conv2d or len(value) == 1:
        return
    before = signal.getsignal(signal.SIGINT)

    def handler(number, frame):
        before(number, frame)
        SEEN.set()

    signal.signal(signal.SIGINT, handler)
    os.kill(os.getppid(), signal.SIGINT)
    while not SEEN.wait(0.01):
        pass


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(a, b, 3, padding=1) for a, b in ((1, 32), (32, 32), (32, 32)))
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        interrupt(self, x)
        for layer in (self.first, self.second, self.third):
            x = layer(x).relu()
        return self.head(x.mean((2, 3)))


def calibration_inputs():
    import torch

    return torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    return tmp_path


def fit(folder: Path, budget: str) -> "subprocess.CompletedProcess[str]":
    files = ("--emit", "small.py", "--save", "small.pth", "--output", "json:report.json", "--quiet")
    command = (sys.executable, "-m", "analyzer", "net.py", "--input", "1x1x8x8", "--fit", budget, *files)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize(("budget", "met"), [("macs=90%", True), ("macs=10%", False)])
def test_the_plan_so_far_is_written(folder: Path, budget: str, met: bool) -> None:
    done = fit(folder, budget)
    assert done.returncode == 128 + signal.SIGINT, done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("analyze: stopped: fitted with what was measured so far")
    found = json.loads((folder / "report.json").read_text(encoding="utf-8"))[1]["fit"]
    assert found["is_partial"]
    assert any("measuring was stopped after 2 of 4 layers" in said for said in found["assumptions"])
    assert {layer["path"] for layer in found["layers"]} <= {"first", "second"}
    (limit,) = found["budgets"]
    assert limit["promised"] == limit["traced"] < limit["before"]
    assert (limit["traced"] <= limit["limit"]) is met
    assert (folder / "small.py").is_file()
    assert (folder / "small.pth").is_file()
