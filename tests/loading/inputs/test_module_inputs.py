"""A module's own example comes before guesses, and after what is asked for or declared."""

import pytest
import torch
from torch import nn

from analyzer.loading import load
from analyzer.loading.inputs.module_inputs import batched, candidates_of
from analyzer.loading.loaded_model import Inputs, InputSpec
from analyzer.values.requests import ModelRequest

TARGET = ModelRequest("net.py")


class Lightning(nn.Module):
    """Keeps its example as Lightning's modules do."""

    def __init__(self, example):
        super().__init__()
        self.example_input_array = example
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)


class Raises(Lightning):
    @property
    def example_input_array(self):
        raise ValueError("not yet")

    @example_input_array.setter
    def example_input_array(self, value): ...


@pytest.mark.parametrize("example", [torch.empty(2, 3, 9, 9, device="meta"), (torch.empty(2, 3, 9, 9, device="meta"),)])
def test_the_modules_example(example):
    (inputs,) = candidates_of(TARGET, Lightning(example))
    assert (inputs.args, inputs.assumption) == (
        (InputSpec((2, 3, 9, 9)),),
        "inputs are the module's `example_input_array`",
    )


def test_by_name():
    (inputs,) = candidates_of(TARGET, Lightning({"x": torch.zeros(1, 3, 5, 5)}))
    assert inputs.kwargs["x"].shape == (1, 3, 5, 5)


@pytest.mark.parametrize("make", [Lightning, Raises])
def test_without_one_it_is_guessed(make):
    assert candidates_of(TARGET, make(None))[0].args[0].shape == (1, 3, 224, 224)


def test_what_is_asked_for_or_declared_comes_first():
    module, declared = Lightning(torch.zeros(1, 3, 5, 5)), Inputs((InputSpec((1, 3, 7, 7)),))
    assert candidates_of(TARGET, module, (declared,)) == (declared,)
    (asked,) = candidates_of(ModelRequest("net.py", inputs=("1x3x8x8",)), module, (declared,))
    assert asked.args[0].shape == (1, 3, 8, 8)


def test_a_files_module_keeps_its_example(tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\nclass Net(nn.Conv2d):\n    def __init__(self):\n"
        "        super().__init__(3, 8, 3)\n        self.example_input_array = torch.randn(4, 3, 16, 16)\n"
    )
    (inputs,) = load(ModelRequest(str(tmp_path / "net.py"))).candidates
    assert inputs.args[0].shape == (4, 3, 16, 16)


@pytest.mark.parametrize(
    ("module", "shape", "dtype", "wanted"),
    [
        (nn.Conv2d(3, 8, 3), (3, 224, 224), "float32", (1, 3, 224, 224)),
        (nn.Conv2d(3, 8, 3), (3, 17, 40), "float32", (1, 3, 17, 40)),
        (nn.Linear(784, 10), (784,), "float32", (1, 784)),
        (nn.Embedding(9, 4), (128,), "int64", (1, 128)),
        (nn.Conv2d(3, 8, 3), (1, 3, 224, 224), "float32", None),
        (nn.Conv2d(3, 8, 3), (4, 224, 224), "float32", None),
        (nn.Conv2d(3, 8, 3), (3, 224), "float32", None),
        (nn.Linear(784, 10), (10,), "float32", None),
        (nn.Embedding(9, 4), (128,), "float32", None),
    ],
)
def test_the_batch_that_an_input_lacks(module, shape, dtype, wanted):
    spec = InputSpec(shape, dtype)
    for inputs in (Inputs((spec,)), Inputs((), {"x": spec})):
        found = batched(module, inputs)
        assert (found and found.shape) == wanted
