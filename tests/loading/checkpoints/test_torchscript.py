"""A TorchScript archive is loaded on the CPU, its inputs guessed from the weights' shapes."""

import pytest
import torch
from torch import nn

from analyzer.loading import load
from analyzer.loading.loaded_model import InputSpec
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

pytestmark = pytest.mark.filterwarnings("ignore")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, image, scale: float = 2.0):
        return self.conv(image) * scale


@pytest.fixture
def saved(tmp_path):
    def write(module):
        module.save(tmp_path / "net.pt")
        return str(tmp_path / "net.pt")

    return write


def test_a_scripted_module(saved):
    loaded = load(ModelRequest(saved(torch.jit.script(Net()))))
    assert (loaded.name, loaded.kind, loaded.module.training) == ("net", "Net", False)
    assert loaded.candidates[0].args == (InputSpec((1, 3, 224, 224)),)
    assert loaded.candidates[0].assumption == (
        "input 1×3×224×224 float32 was assumed from the first layer, Conv2d `conv`"
    )


def test_a_traced_module_says_nothing_but_its_weights_shapes(saved):
    loaded = load(ModelRequest(saved(torch.jit.trace(Net(), torch.zeros(1, 3, 8, 8)))))
    assert loaded.candidates[0].assumption == (
        "input 1×3×224×224 float32 was assumed from the shape of parameter `conv.weight`"
    )


def test_a_traced_module(saved):
    loaded = load(ModelRequest(saved(torch.jit.trace(nn.Sequential(nn.Linear(12, 3)), torch.zeros(1, 12)))))
    assert loaded.candidates[0].args == (InputSpec((1, 12)),)


def test_an_embedding_takes_tokens(saved):
    loaded = load(ModelRequest(saved(torch.jit.script(nn.Sequential(nn.Embedding(50, 3))))))
    assert loaded.candidates[0].args == (InputSpec((1, 128), "int64", 50),)


def test_given_inputs_are_bound_to_its_schema(saved):
    path = saved(torch.jit.script(Net()))
    assert load(ModelRequest(path, inputs=("image=1x3x8x8",))).candidates[0].kwargs == {
        "image": InputSpec((1, 3, 8, 8))
    }
    with pytest.raises(Problem, match=r"^--input does not fit Net\.forward\(image, scale=2\.0\): "):
        load(ModelRequest(path, inputs=("picture=1x3x8x8",)))


def test_a_damaged_archive_is_told(saved, tmp_path):
    import zipfile

    saved(torch.jit.script(Net()))
    with zipfile.ZipFile(tmp_path / "net.pt") as old, zipfile.ZipFile(tmp_path / "bad.pt", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"" if name.endswith("data.pkl") else old.read(name))
    with pytest.raises(Problem, match=r"bad\.pt cannot be loaded as a TorchScript archive: "):
        load(ModelRequest(str(tmp_path / "bad.pt")))
