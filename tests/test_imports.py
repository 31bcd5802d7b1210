"""What a call of the command imports: nothing that it has no use for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import analyzer
from analyzer.values.results import Analysis
from analyzer.version import VERSION

HEAVY = ("torch", "torchvision", "torch._dynamo", "fvcore", "matplotlib", "networkx", "rich", "timm", "transformers")
FILE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        x = x + x.mean((2, 3), keepdim=True)
        return torch.softmax(self.fc(x.flatten(2).mean(-1)), -1)
"""


COMMAND = "from analyzer.cli import main\ntry: main()"
WORKER = """
from analyzer.command.worker import answer
from analyzer.values.requests import ModelRequest, WorkRequest
try: assert answer(WorkRequest((ModelRequest(sys.argv[1]),)), lambda message: None).problem is None
"""


def imported(*arguments: str, cwd: Path, call: str = COMMAND) -> set[str]:
    """Which of `HEAVY` one call imports."""
    script = f"import sys\n{call}\nfinally: print(*set({HEAVY}) & set(sys.modules))"
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, cwd=cwd, env={**os.environ}, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_imports_nothing_heavy(option: str, tmp_path: Path) -> None:
    assert imported(option, cwd=tmp_path) == set()


def test_the_package_imports_nothing_until_it_is_asked(tmp_path: Path) -> None:
    """Ctrl-C before that is Python's own to tell, and the command reads this file first."""
    script = "import sys; before = set(sys.modules); import analyzer; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"__future__"} == {"analyzer"}


def test_every_public_name_is_there() -> None:
    names = {name: getattr(analyzer, name) for name in analyzer.__all__}
    assert dir(analyzer) == analyzer.__all__
    assert names["Analysis"] is Analysis
    assert names["__version__"] == VERSION
    assert not hasattr(analyzer, "nothing")


def test_a_plain_file_needs_torch_and_little_else(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FILE)
    assert imported("net.py", cwd=tmp_path, call=WORKER) == {"torch", "networkx"}


def test_the_command_leaves_torch_to_its_worker(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FILE)
    assert imported("net.py", "--output", "json:r.json", "--quiet", cwd=tmp_path) == set()
    assert (tmp_path / "r.json").exists()


def test_a_figure_needs_matplotlib(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FILE)
    assert imported("net.py", "--output", "r.md", "--quiet", cwd=tmp_path) == {"matplotlib"}
