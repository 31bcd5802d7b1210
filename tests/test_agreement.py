"""Independent counters: torchvision's published numbers, torch's FlopCounterMode and fvcore."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model_weights, list_models

from analyzer import Analysis, analyze
from analyzer.analysis import study
from analyzer.loading import LoadedModel, load
from analyzer.values.requests import AnalysisOptions, ModelRequest

BUILDERS = [name for name in list_models() if not name.startswith("quantized_")]
FROZEN = "published with frozen batch normalization, whose scales are buffers: 2 fewer parameters a channel"
REGIONS = "how many regions reach the heads depends on the image and the trained weights"
SETTINGS: dict[str, dict[str, str]] = {
    **{name: {"aux_loss": "True"} for name in BUILDERS if name.startswith(("deeplabv3", "fcn"))},
}
"""Builder arguments with which torchvision's weights were published."""
PARAMS_DIFFER: dict[str, str] = {
    "googlenet": "the published number leaves out the two auxiliary heads, 6,379,984 parameters",
    **dict.fromkeys(
        (
            "fasterrcnn_mobilenet_v3_large_320_fpn",
            "fasterrcnn_mobilenet_v3_large_fpn",
            "fasterrcnn_resnet50_fpn",
            "fcos_resnet50_fpn",
            "keypointrcnn_resnet50_fpn",
            "maskrcnn_resnet50_fpn",
            "retinanet_resnet50_fpn",
        ),
        FROZEN,
    ),
}
OPS_DIFFER: dict[str, str] = dict.fromkeys(
    (
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        "fasterrcnn_mobilenet_v3_large_fpn",
        "fasterrcnn_resnet50_fpn",
        "keypointrcnn_resnet50_fpn",
        "maskrcnn_resnet50_fpn",
    ),
    REGIONS,
)


@cache
def analysis_of(name: str, inputs: tuple[str, ...], settings: tuple[tuple[str, str], ...]) -> Analysis:
    loaded = load(ModelRequest(f"torchvision:{name}", inputs=inputs, settings=dict(settings)))
    assert isinstance(loaded, LoadedModel)
    return study(loaded, AnalysisOptions(advice=False)).analysis


def analysis_for(name: str, weights: Any) -> Analysis:
    """At the size that the weights' own transforms give, for classification; else at the zoo's default."""
    settings = dict(SETTINGS.get(name, {}))
    crop = getattr(weights.transforms(), "crop_size", None)
    inputs: tuple[str, ...] = ()
    if isinstance(crop, list) and len(crop) == 1:
        inputs = (f"1x3x{crop[0]}x{crop[0]}",)
        if name.startswith("vit_"):
            settings["image_size"] = str(crop[0])
    return analysis_of(name, inputs, tuple(settings.items()))


def is_detection(name: str) -> bool:
    return any(part in name for part in ("rcnn", "fcos", "retinanet", "ssd"))


@pytest.mark.parametrize("name", BUILDERS)
def test_torchvisions_published_numbers(name: str) -> None:
    for weights in get_model_weights(name):
        analysis = analysis_for(name, weights)
        assert analysis.complete, analysis.uncounted
        assert analysis.tracing.mode == ("real" if is_detection(name) else "meta")
        assert (analysis.total.params == weights.meta["num_params"]) is (name not in PARAMS_DIFFER)
        assert (round((analysis.total.macs or 0) / 1e9, 3) == weights.meta["_ops"]) is (name not in OPS_DIFFER)


def test_all_published_weights_are_looked_at() -> None:
    assert sum(len(get_model_weights(name)) for name in list_models()) >= 158
    assert set(PARAMS_DIFFER) | set(OPS_DIFFER) <= set(BUILDERS)


def test_googlenets_difference_is_its_auxiliary_heads() -> None:
    analysis = analysis_of("googlenet", (), ())
    assert analysis.total.params - 6_624_904 == 6_379_984
    assert sum(module.params for module in analysis.never_run) == 6_379_984


def test_frozen_batch_normalization_is_the_difference_in_detection() -> None:
    """Scales and shifts of ResNet-50's 53 normalizations: 2 × 26,560."""
    total = analysis_of("retinanet_resnet50_fpn", (), ()).total
    assert total.params - 34_014_999 == 2 * 26_560


EXACT = {  # counting published with the conventions: batch 1, attention included
    "alexnet": 714_188_480,
    "convnext_tiny": 4_455_531_264,
    "densenet121": 2_834_161_664,
    "efficientnet_b0": 385_814_752,
    "mnasnet1_0": 314_415_872,
    "mobilenet_v2": 300_774_272,
    "mobilenet_v3_small": 56_510_400,
    "regnet_y_400mf": 401_842_848,
    "resnet50": 4_089_184_256,
    "resnext50_32x4d": 4_230_479_872,
    "shufflenet_v2_x1_0": 144_907_992,
    "squeezenet1_1": 349_151_936,
    "swin_t": 4_490_566_656,
    "vgg16": 15_470_264_320,
    "vit_b_16": 17_563_828_224,
}


@pytest.mark.parametrize(("name", "macs"), EXACT.items())
def test_exact_macs(name: str, macs: int) -> None:
    assert analysis_of(name, (), ()).total.macs == macs


PLAIN = ["alexnet", "resnet18", "mobilenet_v2", "squeezenet1_1", "shufflenet_v2_x0_5", "vgg11"]


def build(name: str, device: str) -> torch.nn.Module:
    import torchvision

    with torch.device(device):
        return torchvision.models.get_model(name, weights=None).eval()


@pytest.mark.parametrize("name", [*PLAIN, "densenet121", "efficientnet_b0", "swin_t", "r3d_18"])
def test_torchs_own_counter_agrees(name: str) -> None:
    """FLOPs of FlopCounterMode are twice the MACs, on meta tensors, where no fused attention hides work from it."""
    shape = (1, 3, 16, 112, 112) if name == "r3d_18" else (1, 3, 224, 224)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        build(name, "meta")(torch.empty(shape, device="meta"))
    analysis = analyze(build(name, "meta"), torch.empty(shape, device="meta"))
    assert counter.get_total_flops() == analysis.total.flops


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1"])
def test_fvcore_agrees_by_layer(name: str) -> None:
    """fvcore counts a MAC as one FLOP; normalization and pooling, which it adds, are other FLOPs with us."""
    from fvcore.nn import FlopCountAnalysis

    model, x = build(name, "cpu"), torch.randn(1, 3, 224, 224)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = FlopCountAnalysis(model, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        by_operator = theirs.by_operator()
        by_module = theirs.by_module()
    analysis = analyze(model, x)
    assert by_operator["conv"] + by_operator["linear"] == analysis.total.macs
    for layer in analysis.layers:
        if layer.kind in ("Conv2d", "Linear"):
            assert by_module[layer.path] == layer.macs
