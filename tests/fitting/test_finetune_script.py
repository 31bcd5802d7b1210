"""The emitted script brings a fitted model back to the accuracy of the original."""

import importlib
import subprocess
import sys
from inspect import getsource
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from analyzer.fitting.finetune_script import refuse_without_files, script
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest, RewritingOptions

DATA = """\
import torch

images, labels = torch.load("train.pt")
batches = images[:512].split(64)
loader = list(zip(images.split(64), labels.split(64)))
"""


def run(*arguments: str, folder: Path) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("budget", "lost"), [("macs=50%", 0.003), ("macs=20%", 0.015)])
def test_two_epochs_recover_the_accuracy(
    budget: str, lost: float, tmp_path: Path, digits: Any, digits_model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    build = getsource(sys.modules[type(digits).__module__].digits_network)  # type: ignore[attr-defined]
    build = build.replace("def digits_network", "def build_model")
    (tmp_path / "net.py").write_text(f"from torch import nn\n\n\n{build}", encoding="utf-8")
    (tmp_path / "data.py").write_text(DATA, encoding="utf-8")
    torch.save(digits_model.state_dict(), tmp_path / "net.pth")
    torch.save((digits.images, digits.labels), tmp_path / "train.pt")
    files = ("--emit", "small.py", "--save", "small.pth", "--finetune-script", "tune.py")
    asked = ("--fit", budget, "--calibrate", "data.py:batches", *files, "--quiet", "--output", "json:report.json")
    run("-m", "analyzer", "net.py", "--input", "1x1x8x8", "--checkpoint", "net.pth", *asked, folder=tmp_path)
    run("tune.py", "--data", "data.py:loader", "--epochs", "2", folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    fitted, tuned = (small(Path(weights)) for weights in ("small.pth", "small-tuned.pth"))
    assert digits.accuracy(tuned) > digits.accuracy(digits_model) - lost
    assert digits.accuracy(tuned) >= digits.accuracy(fitted)


def small(weights: Path) -> nn.Module:
    """The emitted model of the working directory with these weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path.cwd()))
        for name in ("small", "net"):
            patch.delitem(sys.modules, name, raising=False)
        model: nn.Module = importlib.import_module("small").build_model()
        for name in ("small", "net"):
            patch.delitem(sys.modules, name, raising=False)
    model.load_state_dict(torch.load(weights))
    return model.eval()


def test_the_script_is_python_and_names_its_files() -> None:
    model = ModelRequest("net.py:build", checkpoint="w.pth", settings={"width": "8", "kind": "wide"})
    text = script(model, RewritingOptions(emit="small.py", save="out/small.pth"), "tune.py")
    compile(text, "tune.py", "exec")
    assert "found(width=8, kind='wide')" in text
    assert "TUNED = 'out/small-tuned.pth'" in text
    assert "import analyzer" not in text


@pytest.mark.parametrize(
    ("target", "rewriting", "said"),
    [
        ("net.py", RewritingOptions(emit="small.py"), "give both"),
        ("torchvision:resnet18", RewritingOptions(emit="small.py", save="small.pth"), "in no Python file"),
    ],
)
def test_what_it_needs_is_asked_for(target: str, rewriting: RewritingOptions, said: str) -> None:
    with pytest.raises(Problem, match=said):
        refuse_without_files(target, rewriting)
