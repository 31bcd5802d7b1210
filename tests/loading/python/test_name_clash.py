"""A user's module that cannot be had because its name is taken is told in one sentence, with the line that wants it."""

import pytest

from analyzer.loading import load
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

BLOCKS = "from torch import nn\nclass Net(nn.Linear):\n    def __init__(self): super().__init__(2, 3)\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "analyzer").mkdir()
    (tmp_path / "analyzer/__init__.py").write_text("Net = 1\n")
    (tmp_path / "analyzer/blocks.py").write_text(BLOCKS)


@pytest.mark.parametrize(
    "text",
    [
        "from analyzer.blocks import Net\n",
        "from analyzer import Net\n",
        "import analyzer.blocks as blocks\n",
        "import analyzer\nNet = analyzer.Net\n",
    ],
)
def test_the_clash_is_named(tmp_path, text):
    (tmp_path / "model.py").write_text(text)
    with pytest.raises(Problem) as caught:
        load(ModelRequest("model.py"))
    line = text.count("\n")
    told = f"model.py:{line} wants your analyzer, but `analyzer` is this tool's own package here; "
    assert str(caught.value) == f"{told}rename yours to analyse the model"


def test_a_file_of_such_a_package_is_told_as_well(tmp_path):
    (tmp_path / "analyzer/net.py").write_text("from analyzer.blocks import Net\n")
    with pytest.raises(Problem, match="wants your analyzer, but `analyzer` is this tool's own package"):
        load(ModelRequest("analyzer/net.py"))


def test_a_file_of_such_a_package_that_needs_nothing_of_it_is_loaded():
    loaded = load(ModelRequest("analyzer/blocks.py"))
    assert loaded.module.out_features == 3


@pytest.mark.parametrize("text", ["from torch import no_such_name\n", "import torch\ntorch.no_such_name\n"])
def test_what_is_missing_for_another_reason_is_told_as_before(tmp_path, text):
    (tmp_path / "model.py").write_text(text)
    with pytest.raises(Problem, match=r"model.py:\d: (Import|Attribute)Error"):
        load(ModelRequest("model.py"))
