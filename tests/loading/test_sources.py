"""Every layer has the line at which the user wrote it."""

import sys
import textwrap
from traceback import walk_tb

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module

from analyzer.loading import from_module, load
from analyzer.loading.loaded_model import Source
from analyzer.loading.sources import definition_of, innermost, recording
from analyzer.values.counts import Lines
from analyzer.values.requests import ModelRequest

TEXT = """\
    import torch
    from torch import nn
    def layer(c):
        return nn.Conv2d(c, c, 3)
    class Own(nn.Conv2d):
        def __init__(self, c):
            super().__init__(c, c, 3)
            self.extra = nn.Linear(c, c)
    class Deep(Own):
        def __init__(self):
            super().__init__(4)
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(4)
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(3, 4, 3),
                nn.ReLU(),
                nn.Sequential(
                    Own(4),
                ),
            )
            self.helper = layer(4)
            blocks = []
            for _ in range(2):
                blocks.append(Block())
            self.blocks = nn.ModuleList(blocks)
            self.deep = Deep()
            self.act = nn.GELU()
            self.bare = nn.Parameter(torch.zeros(3))
            encoder = nn.TransformerEncoderLayer(4, 2)
            self.encoder = nn.TransformerEncoder(encoder, 2)
            self.add_module("added", nn.Identity())
"""

LINES = {
    "": 16,
    "body": 19,
    "body.0": 20,
    "body.1": 19,  # no parameters: where it is put into its parent
    "body.2": 22,
    "body.2.0": 23,
    "body.2.0.extra": 8,
    "helper": 4,
    "blocks": 30,
    "blocks.0": 29,
    "blocks.0.norm": 15,
    "blocks.1": 29,
    "deep": 31,
    "deep.extra": 8,
    "act": 32,
    "encoder": 35,
    "encoder.layers.0.linear1": 35,  # a copy
    "added": 36,
}


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(textwrap.dedent(TEXT))
    return load(ModelRequest("model.py:Net"))


@pytest.mark.parametrize(("path", "line"), LINES.items())
def test_the_line_of_a_layer(loaded, path, line):
    assert loaded.sources[path] == Source("model.py", line)


def test_every_module_has_a_source(loaded):
    assert set(loaded.sources) == {path for path, _ in loaded.module.named_modules()}


def test_a_builder_is_the_roots_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Sequential(\n        nn.ReLU())\n"
    )
    sources = load(ModelRequest("model.py")).sources
    assert (sources[""], sources["0"]) == (Source("model.py", 3), Source("model.py", 4))


def test_a_plain_container_has_the_line_that_makes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text("from torch import nn\n\nmodel = nn.Sequential(nn.Linear(1, 1))\n")
    assert load(ModelRequest("model.py")).sources[""] == Source("model.py", 3)


def test_installed_files_are_relative_to_site_packages():
    sources = load(ModelRequest("torchvision:resnet18")).sources
    assert {source.file for source in sources.values()} == {"torchvision/models/resnet.py"}


def test_a_file_elsewhere_is_relative_too(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "model.py").write_text("from torch import nn\nclass Net(nn.Module):\n    pass\n")
    monkeypatch.chdir(tmp_path / "here")
    assert load(ModelRequest("../model.py")).sources[""] == Source("../model.py", 2)


def test_hooks_are_removed_whatever_happens():
    hooks = (
        torch_module._global_parameter_registration_hooks,
        torch_module._global_buffer_registration_hooks,
        torch_module._global_module_registration_hooks,
    )
    with recording():
        assert all(hooks)
    assert not any(hooks)
    with pytest.raises(ZeroDivisionError), recording():
        raise ZeroDivisionError
    assert not any(hooks)


class Passed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)


def test_a_module_that_was_passed_has_its_classs_line():
    source = from_module(Passed(), (), {}).sources[""]
    assert source.file.endswith("test_sources.py")
    assert source.line == Passed.__init__.__code__.co_firstlineno - 1


@pytest.mark.parametrize("thing", [nn.Linear, torch.relu, 3, None, int, len])
def test_what_the_user_did_not_write_has_no_source(thing):
    assert definition_of(thing) is None


def test_the_innermost_line_of_a_traceback_is_the_users():
    try:
        nn.Linear(2, 2)(torch.zeros(3, 3))
    except RuntimeError:
        source = innermost(walk_tb(sys.exc_info()[2]))
    assert source is not None
    assert source.file.endswith("test_sources.py")


def test_every_statement_of_the_users_that_was_building_a_layer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blocks.py").write_text(
        "from torch import nn\n\ndef conv(n):\n    return nn.Conv2d(\n        3,\n        n,\n        1,\n    )\n"
    )
    (tmp_path / "model.py").write_text(
        "from torch import nn\nfrom blocks import conv\n\ndef build():\n    return nn.Sequential(conv(8))\n"
    )
    source = load(ModelRequest("model.py")).sources["0"]
    assert source == Source("blocks.py", 4)
    assert source.construction == (Lines("blocks.py", 4, 8), Lines("model.py", 5, 5))
