"""Models of timm are built without downloading, with their configured input size."""

import sys

import pytest

from analyzer.loading import load
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

pytest.importorskip("timm")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resnet18", (1, 3, 224, 224)),
        ("vit_tiny_patch16_224.augreg_in21k", (1, 3, 224, 224)),
        ("vit_tiny_patch16_384", (1, 3, 384, 384)),
        ("efficientnet_b0", (1, 3, 224, 224)),
        ("swin_tiny_patch4_window7_224", (1, 3, 224, 224)),
        ("mixer_b16_224", (1, 3, 224, 224)),
    ],
)
def test_a_model_and_its_input(name, shape):
    loaded = load(ModelRequest(f"timm:{name}"))
    assert [spec.shape for spec in loaded.candidates[0].args] == [shape]
    assert all(parameter.is_meta for parameter in loaded.module.parameters())
    assert loaded.sources[""].file.startswith("timm/models/")
    assert loaded.candidates[0].assumption.endswith(f"was assumed from timm's configuration of {name}")


def test_settings_reach_the_builder():
    assert load(ModelRequest("timm:resnet18", settings={"num_classes": "7"})).module.fc.out_features == 7


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(Problem, match="timm has no model of this name; did you mean resnet18"):
        load(ModelRequest("timm:resnet17"))


def test_without_timm_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(Problem, match=r"^timm is not installed; install it with pip install timm$"):
        load(ModelRequest("timm:resnet18"))
