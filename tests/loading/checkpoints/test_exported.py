"""An exported program becomes modules again, with its own inputs."""

import pytest
import torch
from torch import nn

from analyzer.loading import load
from analyzer.loading.loaded_model import InputSpec
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        return self.fc(self.body(x).mean((2, 3)))


@pytest.fixture(scope="module")
def program():
    return torch.export.export(
        Net().eval(), (torch.randn(2, 3, 8, 8),), dynamic_shapes={"x": {0: torch.export.Dim("b")}}
    )


def test_modules_and_inputs_come_back(program, tmp_path):
    torch.export.save(program, tmp_path / "net.pt2")
    loaded = load(ModelRequest(str(tmp_path / "net.pt2")))
    kinds = {path: type(module).__name__ for path, module in loaded.module.named_modules()}
    assert kinds == {
        "": "Net",
        "body": "Sequential",
        "body.0": "Conv2d",
        "body.1": "BatchNorm2d",
        "body.2": "ReLU",
        "fc": "Linear",
    }
    (inputs,) = loaded.candidates
    assert [tensor.shape for tensor in inputs.args] == [(2, 3, 8, 8)]
    assert inputs.assumption == "inputs are the ones that the program was exported with"
    assert loaded.module.fc.weight.equal(program.state_dict["fc.weight"])
    assert loaded.module(*inputs.args).shape == (2, 10)


def test_without_example_inputs_the_placeholders_say_the_sizes(tmp_path):
    program = torch.export.export(Net().eval(), (torch.randn(2, 3, 8, 8),))
    program.example_inputs = None
    torch.export.save(program, tmp_path / "net.pt2")
    (inputs,) = load(ModelRequest(str(tmp_path / "net.pt2"))).candidates
    assert inputs.args == (InputSpec((2, 3, 8, 8)),)


def test_given_inputs_come_first(program, tmp_path):
    torch.export.save(program, tmp_path / "net.pt2")
    (inputs,) = load(ModelRequest(str(tmp_path / "net.pt2"), inputs=("5x3x8x8",))).candidates
    assert (inputs.args, inputs.assumption) == ((InputSpec((5, 3, 8, 8)),), "")


@pytest.mark.parametrize("size", [30, 2000])
def test_a_cut_file_is_told(program, tmp_path, size):
    torch.export.save(program, tmp_path / "whole.pt2")
    path = tmp_path / "cut.pt2"
    path.write_bytes((tmp_path / "whole.pt2").read_bytes()[:size])
    with pytest.raises(Problem, match=r"cut\.pt2 "):
        load(ModelRequest(str(path)))
