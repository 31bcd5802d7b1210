"""Every model of torchvision is built without downloading or memory, with the input of its published counts."""

import pytest
import torch
import torchvision

from analyzer.loading import load
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest


@pytest.fixture(autouse=True)
def _no_downloads(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a download")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(torchvision._internally_replaced_utils, "load_state_dict_from_url", refuse)


@pytest.mark.parametrize("name", torchvision.models.list_models())
def test_every_model_is_built(name):
    loaded = load(ModelRequest(f"torchvision:{name}"))
    tensors = [*loaded.module.parameters(), *loaded.module.buffers()]
    assert not [tensor for tensor in tensors if tensor.is_floating_point() and not tensor.is_meta]
    assert (loaded.name, loaded.module.training, len(loaded.candidates)) == (name, False, 1)
    assert loaded.sources[""].file.startswith("torchvision/models/")


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("resnet50", [(1, 3, 224, 224)]),
        ("inception_v3", [(1, 3, 299, 299)]),
        ("efficientnet_b7", [(1, 3, 600, 600)]),
        ("vit_h_14", [(1, 3, 518, 518)]),
        ("fcn_resnet50", [(1, 3, 520, 520)]),
        ("r3d_18", [(1, 3, 16, 112, 112)]),
        ("mvit_v1_b", [(1, 3, 16, 224, 224)]),
        ("raft_small", [(1, 3, 512, 512), (1, 3, 512, 512)]),
        ("quantized_resnet18", [(1, 3, 224, 224)]),
    ],
)
def test_the_declared_input(name, shapes):
    (inputs,) = load(ModelRequest(f"torchvision:{name}")).candidates
    assert [spec.shape for spec in inputs.args] == shapes


def test_a_detection_model_takes_a_list_of_images():
    (inputs,) = load(ModelRequest("torchvision:fcos_resnet50_fpn")).candidates
    assert [spec.shape for spec in inputs.args[0]] == [(3, 512, 512)]
    (inputs,) = load(ModelRequest("torchvision:fcos_resnet50_fpn", inputs=("3x8x8", "3x9x9"))).candidates
    assert [spec.shape for spec in inputs.args[0]] == [(3, 8, 8), (3, 9, 9)]


def test_the_assumption_names_the_transforms():
    (inputs,) = load(ModelRequest("torchvision:resnet50")).candidates
    assert inputs.assumption == (
        "input 1×3×224×224 float32 was assumed from the transforms of ResNet50_Weights.IMAGENET1K_V2"
    )


def test_settings_reach_the_builder():
    assert load(ModelRequest("torchvision:resnet18", settings={"num_classes": "7"})).module.fc.out_features == 7


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("torchvision:resnet51", "no model of this name; did you mean resnet50 or"),
        ("torchvision:", "no model of this name; it has"),
        ("torchvision:qqqq", "no model of this name; it has"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(target, message):
    with pytest.raises(Problem, match=message):
        load(ModelRequest(target))


def test_a_checkpoint_that_is_not_this_models_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"conv1.weight": torch.zeros(1, 3, 7, 7)}, path)
    with pytest.raises(Problem, match=r"conv1\.weight is 1.3.7.7 in the file, 64.3.7.7 in the model"):
        load(ModelRequest("torchvision:resnet18", checkpoint=str(path)))
