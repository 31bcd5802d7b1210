"""torchvision's architectures are recognised by their tensors, whatever the number of classes."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from torchvision import models

from analyzer.loading.building import build
from analyzer.loading.zoos.recognition import architectures, recognise
from analyzer.values.counts import StoredTensor

ROOT = Path(__file__).parents[3]
SAMPLE = [
    ("resnet50", {}),
    ("densenet121", {}),
    ("mobilenet_v3_small", {}),
    ("squeezenet1_1", {}),
    ("googlenet", {}),
    ("googlenet", {"aux_logits": False}),
    ("inception_v3", {"aux_logits": False}),
    ("vit_b_16", {}),
    ("vit_b_16", {"image_size": 384}),
    ("swin_v2_t", {}),
    ("regnet_y_400mf", {}),
    ("fcn_resnet50", {"aux_loss": True}),
    ("lraspp_mobilenet_v3_large", {}),
    ("maskrcnn_resnet50_fpn", {}),
    ("retinanet_resnet50_fpn_v2", {}),
    ("ssd300_vgg16", {}),
    ("r3d_18", {}),
    ("mvit_v2_s", {}),
]


def tool():
    spec = importlib.util.spec_from_file_location("index_architectures", ROOT / "tools/index_architectures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(name, **arguments):
    shapes = tool().shapes_of(name, **arguments)
    return [StoredTensor(key, shape, "float32", 0) for key, shape in shapes.items()]


def renamed(tensors, rename):
    return [StoredTensor(rename(tensor.name), tensor.shape, tensor.dtype, 0) for tensor in tensors]


@pytest.mark.parametrize(("name", "arguments"), SAMPLE)
def test_the_builders_own_tensors_are_recognised(name, arguments):
    found = recognise(stored(name, **arguments))
    assert (found.name, found.arguments, found.alternatives) == (name, arguments, ())


@pytest.mark.parametrize(("name", "arguments"), SAMPLE)
def test_any_number_of_classes_is_recognised(name, arguments):
    found = recognise(stored(name, num_classes=13, **arguments))
    assert (found.name, found.arguments) == (name, {**arguments, "num_classes": 13})


@pytest.mark.parametrize("name", ["raft_small", "raft_large"])
def test_models_without_classes(name):
    assert recognise(stored(name)).arguments == {}


def test_the_recognised_builder_makes_these_tensors():
    found = recognise(stored("mobilenet_v2", num_classes=10))
    module = build(lambda: models.get_model_builder(found.name)(**found.arguments))
    assert module.classifier[1].out_features == 10


def test_names_with_a_prefix_and_tensors_beside_it():
    tensors = renamed(stored("resnet18"), lambda name: f"model.{name}")
    found = recognise([*tensors, StoredTensor("loss.weight", (2,), "float32", 8)])
    assert (found.name, found.unused) == ("resnet18", ("loss.weight",))
    assert found.assumptions == (
        "Recognised as torchvision's resnet18() by the names and shapes of its tensors.",
        "1 tensors outside it were not used, the first being loss.weight.",
    )


def test_a_replaced_head_with_old_counters_left_out():
    tensors = [tensor for tensor in stored("resnet50", num_classes=10) if "num_batches" not in tensor.name]
    assert recognise(tensors).arguments == {"num_classes": 10}


def test_spellings_of_older_releases():
    old = renamed(stored("densenet121"), lambda name: name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."))
    assert recognise(old).name == "densenet121"
    old = renamed(
        stored("vit_b_32"), lambda name: name.replace("mlp.0", "mlp.linear_1").replace("mlp.3", "mlp.linear_2")
    )
    assert recognise(old).name == "vit_b_32"


def test_builders_with_the_same_tensors_are_named():
    found = recognise(stored("fasterrcnn_mobilenet_v3_large_fpn"))
    assert found.name == "fasterrcnn_mobilenet_v3_large_320_fpn"
    assert found.alternatives == ("fasterrcnn_mobilenet_v3_large_fpn",)
    assert "fasterrcnn_mobilenet_v3_large_fpn" in found.assumptions[1]


def changed(tensors, name, shape):
    return [StoredTensor(t.name, shape if t.name == name else t.shape, t.dtype, 0) for t in tensors]


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors[1:],
        lambda tensors: [*tensors, StoredTensor("extra", (1,), "float32", 4)],
        lambda tensors: changed(tensors, "conv1.weight", (64, 4, 7, 7)),
        lambda tensors: changed(tensors, "fc.bias", (10,)),
        lambda tensors: changed(tensors, "fc.weight", (1000, 2048)),
        lambda tensors: changed(tensors, "fc.bias", ()),
        lambda tensors: changed(changed(tensors, "fc.bias", (0,)), "fc.weight", (0, 512)),
        lambda _: [],
        lambda _: [StoredTensor("weight", (2, 2), "float32", 16)],
    ],
)
def test_anything_else_is_left_alone(change):
    assert recognise(change(stored("resnet18"))) is None


def test_a_ladder_of_anchors_is_not_taken_for_classes():
    tensors = stored("retinanet_resnet50_fpn", num_classes=7)
    head = "head.classification_head.cls_logits"
    odd = changed(changed(tensors, f"{head}.bias", (64,)), f"{head}.weight", (64, 256, 3, 3))  # 64 is not 9 × classes
    assert recognise(odd) is None


def test_the_index_holds_every_builder():
    indexed = {architecture.name for found in architectures().values() for architecture in found}
    assert indexed == {name for name in models.list_models() if not name.startswith("quantized_")}


@pytest.mark.parametrize(
    "name", ["alexnet", "googlenet", "vit_b_16", "shufflenet_v2_x1_0", "keypointrcnn_resnet50_fpn"]
)
def test_the_index_is_what_the_script_makes(name):
    script = tool()
    rows = [row for row in json.loads(script.INDEX.read_text())["architectures"] if row["name"] == name]
    assert rows == [script.row(name, arguments) for arguments in script.variants(name)]


def test_a_saved_model_is_recognised(tmp_path):
    from analyzer.loading.checkpoints.checkpoint import read

    torch.save({"state_dict": models.squeezenet1_0(num_classes=5).state_dict()}, tmp_path / "w.pth")
    found = recognise(read(tmp_path / "w.pth").tensors)
    assert (found.name, found.arguments) == ("squeezenet1_0", {"num_classes": 5})
