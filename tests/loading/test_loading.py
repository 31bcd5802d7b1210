"""A target is told by how it is written or by what the file holds, and nothing is imported that it does not need."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from analyzer.loading import from_module, load
from analyzer.loading.checkpoints.checkpoint import Checkpoint
from analyzer.loading.loaded_model import LoadedModel
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest


def test_a_known_checkpoint_is_the_whole_model(tmp_path, monkeypatch):
    import torchvision

    monkeypatch.chdir(tmp_path)
    state = torchvision.models.squeezenet1_1(num_classes=7).state_dict()
    torch.save({"state_dict": state}, "weights.pth")
    loaded = load(ModelRequest("weights.pth"))
    assert isinstance(loaded, LoadedModel)
    assert (loaded.name, loaded.kind, loaded.checkpoint) == ("squeezenet1_1", "SqueezeNet", "weights.pth")
    assert any("squeezenet1_1" in sentence for sentence in loaded.assumptions)
    assert loaded.materialize().classifier[1].weight.equal(state["classifier.1.weight"])


def test_an_unknown_checkpoint_stays_one(tmp_path):
    torch.save({"layer.weight": torch.zeros(2, 3)}, tmp_path / "weights.pth")
    assert isinstance(load(ModelRequest(str(tmp_path / "weights.pth"))), Checkpoint)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04"])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(Problem):
        load(ModelRequest(str(tmp_path / "weights.pth")))


@pytest.mark.parametrize(
    ("option", "values"), [("--set", {"settings": {"a": "1"}}), ("--checkpoint", {"checkpoint": "other.pth"})]
)
def test_an_option_that_changes_nothing_is_refused(tmp_path, option, values):
    torch.save({"layer.weight": torch.zeros(2, 3)}, tmp_path / "weights.pth")
    with pytest.raises(Problem, match=f"is stored with its weights, so {option} cannot change it; leave it out$"):
        load(ModelRequest(str(tmp_path / "weights.pth"), **values))


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(Problem, match="is a directory"):
        load(ModelRequest(str(tmp_path)))


def test_a_module_that_was_passed_is_not_ours():
    module = nn.Sequential(nn.Linear(2, 3)).train()
    image = torch.zeros(1, 2)
    loaded = from_module(module, (image,), {"scale": 2})
    assert loaded.module is module
    assert (loaded.owned, loaded.materialize, module.training, loaded.name) == (False, None, True, "Sequential")
    (inputs,) = loaded.candidates
    assert inputs.args[0] is image
    assert (inputs.kwargs, inputs.assumption) == ({"scale": 2}, "")
    assert from_module(module, (), {}, name="net").name == "net"


LOADING = """
from analyzer.loading import load
from analyzer.values.requests import ModelRequest
load(ModelRequest('model.py'))
"""


def loaded_names(tmp_path, code):
    watched = ("torch", "torchvision", "timm", "transformers", "fvcore", "torch._dynamo", "sympy")
    code += f"\nimport sys; print([name for name in {watched} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    return result.stdout.strip()


def test_importing_loading_does_not_import_torch(tmp_path):
    assert loaded_names(tmp_path, "import analyzer.loading") == "[]"


def test_a_plain_file_needs_torch_alone(tmp_path):
    text = "from torch import nn\nmodel = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())\n"
    (tmp_path / "model.py").write_text(text)
    assert loaded_names(tmp_path, LOADING) == "['torch']"
