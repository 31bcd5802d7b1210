"""A file that registers operators is run as often as needed, and its own error is the one that is told."""

import importlib
import sys
from pathlib import Path

import pytest
from torch.library import Library

from analyzer.analysis import study
from analyzer.loading import load
from analyzer.loading.python.torch_libraries import TorchLibraries
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

FILE = """\
import torch
from torch import nn

{define}
library.define("twice(Tensor x) -> Tensor")
library.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        {more}

    def forward(self, x):
        return torch.ops.{name}.twice(self.layer(x)) if x.sum() < 1e9 else x
"""
DEFINE = 'library = torch.library.Library("{name}", "{kind}")'


@pytest.mark.parametrize("kind", ["DEF", "FRAGMENT"])
def test_a_model_that_must_run_for_real(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"analyzer_library_{kind.lower()}"
    Path("net.py").write_text(FILE.format(define=DEFINE.format(name=name, kind=kind), name=name, more="pass"))
    analysis = study(load(ModelRequest("net.py:Net", ("2x4",)))).analysis
    assert (analysis.tracing.mode, analysis.total.macs) == ("real", 2 * 4 * 3)


def test_the_error_of_a_constructor_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "analyzer_library_error"
    more = 'raise ValueError("wrong width")'
    Path("net.py").write_text(FILE.format(define=DEFINE.format(name=name, kind="DEF"), name=name, more=more))
    with pytest.raises(Problem, match=r"net.py:13: ValueError: wrong width"):
        load(ModelRequest("net.py:Net", ("2x4",)))


def test_torchs_class_is_as_before():
    original = Library.__init__
    libraries = TorchLibraries()
    with libraries.renewed():
        made = Library("analyzer_library_made", "DEF")
    assert Library.__init__ is original
    with libraries.renewed():
        assert made.m is None
        Library("analyzer_library_made", "DEF")._destroy()


def test_what_a_package_registers_stays_for_as_long_as_it_is_imported(tmp_path, monkeypatch):
    """As torchvision's import, the first time, has torch._dynamo register operators of its own."""
    (tmp_path / "registering_package.py").write_text(
        'import torch\nlibrary = torch.library.Library("analyzer_library_kept", "DEF")\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    libraries = TorchLibraries()
    with libraries.renewed():
        kept = importlib.import_module("registering_package").library
    with libraries.renewed():
        assert kept.m is not None
    monkeypatch.delitem(sys.modules, "registering_package")
    with libraries.renewed():
        assert kept.m is None
