"""A trusted file that pickles a whole module is that module, with its forward."""

import sys

import pytest
import torch
from torchvision.models import squeezenet1_1

from analyzer.loading import load
from analyzer.loading.checkpoints.checkpoint import Checkpoint
from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing import trace
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

NET = """\
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
    def forward(self, x):
        import late_of_test
        print("forward")
        return self.conv(x) * late_of_test.SCALE
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    """An instance of a class in a file that is not imported any more."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net_of_test.py").write_text(NET)
    (tmp_path / "late_of_test.py").write_text("SCALE = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import net_of_test

    yield net_of_test.Net()
    sys.modules.pop("net_of_test", None)


def forgotten(tmp_path, monkeypatch):
    sys.modules.pop("net_of_test", None)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("wrapped", "entry"),
    [
        (lambda net: net, ""),
        (lambda net: {"epoch": 3, "model": net, "ema": None}, ", under 'model'"),
        (lambda net: {"model": None, "ema": net}, ", under 'ema'"),
        (lambda net: {"state_dict": {"net": net}}, ", under 'state_dict.net'"),
    ],
)
def test_the_module_is_analysed_in_full(net, tmp_path, monkeypatch, capsys, wrapped, entry, legacy):
    torch.save(wrapped(net), "yolo.pt", _use_new_zipfile_serialization=not legacy)
    forgotten(tmp_path, monkeypatch)
    loaded = load(ModelRequest("yolo.pt", trust=True))
    assert isinstance(loaded, LoadedModel)
    assert (loaded.name, loaded.kind, loaded.sources[""].file) == ("yolo", "Net", "net_of_test.py")
    assert loaded.assumptions == (
        f"the model is the Net that yolo.pt pickles whole{entry}; its code was run as trusted",
    )
    assert trace(loaded).modules[0].output_shapes == ((1, 8, 222, 222),)
    assert capsys.readouterr().out.count("forward") == 1  # stdout is kept by the command, not here
    assert not {"net_of_test", "late_of_test"} & set(sys.modules)


def test_it_is_refused_where_it_is_not_trusted_or_not_importable(net, tmp_path, monkeypatch):
    torch.save(net, "yolo.pt")
    with pytest.raises(Problem, match=r"^yolo.pt pickles code \(net_of_test.Net"):
        load(ModelRequest("yolo.pt"))
    forgotten(tmp_path, monkeypatch)
    (tmp_path / "net_of_test.py").unlink()
    with pytest.raises(Problem, match="make importable what it was pickled with"):
        load(ModelRequest("yolo.pt", trust=True))


def test_tensors_alone_stay_a_checkpoint(tmp_path):
    torch.save({"model": {"layer.weight": torch.zeros(2, 3)}}, tmp_path / "w.pth")
    assert isinstance(load(ModelRequest(str(tmp_path / "w.pth"), trust=True)), Checkpoint)


def test_given_inputs_are_its_inputs(net):
    torch.save(net, "yolo.pt")
    (inputs,) = load(ModelRequest("yolo.pt", inputs=("2x3x9x9",), trust=True)).candidates
    assert inputs.args[0].shape == (2, 3, 9, 9)


def test_a_class_of_an_installed_package_in_half_precision(tmp_path, monkeypatch):
    """As ultralytics saves its models: whole, halved, beside what training left."""
    monkeypatch.chdir(tmp_path)
    stored = {"epoch": -1, "model": squeezenet1_1().half(), "ema": None, "optimizer": None, "train_args": {"imgsz": 64}}
    torch.save(stored, "best.pt")
    found = trace(load(ModelRequest("best.pt", inputs=("1x3x64x64",), trust=True)))
    assert (found.mode, found.inputs[0].dtype, found.modules[0].output_shapes) == ("meta", "float16", ((1, 1000),))
    assert sum(parameter.numel for parameter in found.parameters if not parameter.is_buffer) == 1_235_496
