"""A builder that wants a configuration object is told with a file to paste, which then works."""

import pytest

from analyzer.loading import load
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

GPT = """\
from dataclasses import dataclass
from torch import nn
{more}
class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc = nn.Linear(config.n_embd, config.n_embd)
class GPT(nn.Module):
    {maker}
    def __init__(self, config{annotation}):
        super().__init__()
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.n_layer)))
"""
PARTS = {"more": "", "maker": "", "annotation": ""}
KNOWN = "@dataclass\nclass GPTConfig:\n    n_layer: int = 2\n    n_embd: int = 8\n"


@pytest.mark.parametrize(
    ("parts", "imported", "made"),
    [
        ({"more": KNOWN}, "from mine.gpt import GPT, GPTConfig", "GPTConfig()"),
        (
            {"more": KNOWN, "maker": "@staticmethod\n    def get_default_config(): return GPTConfig()"},
            "from mine.gpt import GPT",
            "GPT.get_default_config()",
        ),
        (
            {"more": KNOWN.replace("GPTConfig", "Sizes"), "annotation": ": 'Sizes'"},
            "from mine.gpt import GPT, Sizes",
            "Sizes()",
        ),
        ({"more": KNOWN.replace(" = 8", "").replace(" = 2", "")}, None, "GPTConfig(n_layer=..., n_embd=...)"),
        (
            {},
            "from types import SimpleNamespace\n\nfrom mine.gpt import GPT",
            "SimpleNamespace(n_embd=..., n_layer=...)",
        ),
    ],
)
def test_the_file_to_write(tmp_path, monkeypatch, parts, imported, made):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/__init__.py").touch()
    (tmp_path / "mine/gpt.py").write_text(GPT.format(**PARTS | parts))
    with pytest.raises(Problem) as caught:
        load(ModelRequest("mine/gpt.py"))
    code = caught.value.example
    assert str(caught.value) == (
        "mine/gpt.py:GPT needs config, an object that --set cannot give; "
        "define build_model in build.py, with what is needed, and analyze build.py"
    )
    assert f"def build_model():\n    config = {made}\n    return GPT(config=config)" in code
    assert imported is None or code.startswith(imported)
    filled = code.replace("n_layer=...", "n_layer=2").replace("n_embd=...", "n_embd=8")
    (tmp_path / "build.py").write_text(filled)
    built = load(ModelRequest("build.py"))
    assert sum(parameter.numel() for parameter in built.module.parameters()) == 2 * (8 * 8 + 8)


def test_other_arguments_are_left_open_and_plain_ones_are_told_as_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, model_cfg, depth): ...\n"
        "class Plain(nn.Module):\n    def __init__(self, depth): ...\n"
    )
    with pytest.raises(Problem) as caught:
        load(ModelRequest("net.py:Net"))
    assert caught.value.example.endswith("\n    return Net(model_cfg=model_cfg, depth=...)")
    with pytest.raises(Problem, match=r"^net.py:Plain needs depth; give a value with --set depth=VALUE$"):
        load(ModelRequest("net.py:Plain"))


@pytest.mark.parametrize("first", ["", "from __future__ import annotations\n"])
def test_several_objects_are_left_open(tmp_path, monkeypatch, first):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lit.py").write_text(
        first + "import torch\nfrom torch import nn\nclass Lit(nn.Module):\n"
        "    def __init__(self, net: nn.Module, optimizer: torch.optim.Optimizer, compile: bool, width: int): ...\n"
    )
    with pytest.raises(Problem) as caught:
        load(ModelRequest("lit.py"))
    assert str(caught.value).startswith("lit.py:Lit needs net, optimizer, objects that --set cannot give; define build")
    assert caught.value.example == (
        "from lit import Lit\n\n\ndef build_model():\n    net = ...\n    optimizer = ...\n"
        "    return Lit(net=net, optimizer=optimizer, compile=..., width=...)"
    )
    with pytest.raises(Problem, match=r"^lit.py:Lit needs net, optimizer, objects"):
        load(ModelRequest("lit.py", settings={"width": "3", "compile": "no"}))
