"""A target that is nearly right is answered with the right one."""

import pytest

from analyzer.loading import load
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

NO_FILE = "no such file; give the path of a Python file that defines a model"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("modle.py", f"modle.py: {NO_FILE}; did you mean model.py?"),
        ("modle.py:Net", f"modle.py: {NO_FILE}; did you mean model.py?"),
        ("nets/resnt.py", f"nets/resnt.py: {NO_FILE}; did you mean nets/resnet.py?"),
        ("absent/model.py", f"absent/model.py: {NO_FILE}"),
        ("quite_other.py", f"quite_other.py: {NO_FILE}"),
        (
            "wieghts.pth",
            "wieghts.pth: no such file or model; give a Python file, a checkpoint or torchvision:NAME; did you",
        ),
        (
            "resnet5",
            "resnet5: no such file or model; give a Python file, a checkpoint or torchvision:NAME; did you mean t",
        ),
        ("torchvison:resnet50", "torchvison:resnet50: there is no torchvison; did you mean torchvision:resnet50?"),
        ("tim:vit_tiny", "tim:vit_tiny: there is no tim; did you mean timm:vit_tiny?"),
        ("transformer:folder/x", "transformer:folder/x: there is no transformer; did you mean transformers:folder/x?"),
        ("numpyy:x", "numpyy:x: ModuleNotFoundError: No module named 'numpyy'"),
    ],
)
def test_the_nearest_name(tmp_path, monkeypatch, target, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    for name in ("model.py", "weights.pth", "nets/resnet.py"):
        (tmp_path / name).touch()
    with pytest.raises(Problem) as caught:
        load(ModelRequest(target))
    assert str(caught.value).startswith(told)
    assert ("did you mean" in str(caught.value)) == ("did you" in told)


def test_a_package_of_such_a_name_is_no_mistake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer/__init__.py").write_text("from torch import nn\nmodel = nn.Linear(2, 3)\n")
    assert load(ModelRequest("transformer:model")).module.out_features == 3


def test_a_missing_checkpoint_is_answered_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.pth").touch()
    with pytest.raises(Problem, match=r"no such file: weigths.pth; .*; did you mean weights.pth\?$"):
        load(ModelRequest("torchvision:resnet18", checkpoint="weigths.pth"))
