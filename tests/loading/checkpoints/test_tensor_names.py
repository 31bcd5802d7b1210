"""Names lose what wrappers add, and nothing else."""

import pytest

from analyzer.loading.checkpoints.tensor_names import cleaned, modern, prefixes_of


@pytest.mark.parametrize(
    "names",
    [
        ["conv.weight", "fc.bias"],
        ["module.weight", "fc.bias"],
        ["a.module.weight"],
        ["model.conv.weight"],
        ["my_module.conv.weight"],
        ["_orig_mod.w", "w"],
        [],
    ],
)
def test_names_that_stay(names):
    assert cleaned(names) == ({name: name for name in names}, ())


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("module.conv.weight", "conv.weight"),
        ("_orig_mod.conv.weight", "conv.weight"),
        ("module._orig_mod.conv.weight", "conv.weight"),
        ("_orig_mod.module.conv.weight", "conv.weight"),
        ("module.module.conv.weight", "conv.weight"),
        ("backbone._orig_mod.conv.weight", "backbone.conv.weight"),
        ("_fsdp_wrapped_module.block._checkpoint_wrapped_module.conv.weight", "block.conv.weight"),
    ],
)
def test_wrappers_are_taken_off(name, short):
    kept, sentences = cleaned([name])
    assert kept == {name: short}
    assert sentences


@pytest.mark.parametrize(
    "name",
    [
        "features.denseblock1.denselayer1.norm1.weight",
        "features.norm0.weight",
        "encoder.layers.encoder_layer_0.mlp.0.weight",
        "backbone.fpn.inner_blocks.0.0.weight",
        "rpn.head.conv.0.0.bias",
        "linear_1.weight",
    ],
)
def test_modern_names_stay(name):
    assert modern(name) == name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("features.denseblock1.denselayer12.norm.1.weight", "features.denseblock1.denselayer12.norm1.weight"),
        ("features.denseblock4.denselayer3.conv.2.weight", "features.denseblock4.denselayer3.conv2.weight"),
        ("encoder.layers.encoder_layer_0.mlp.linear_1.bias", "encoder.layers.encoder_layer_0.mlp.0.bias"),
        ("encoder.layers.encoder_layer_0.mlp.linear_2.bias", "encoder.layers.encoder_layer_0.mlp.3.bias"),
        ("backbone.fpn.layer_blocks.3.weight", "backbone.fpn.layer_blocks.3.0.weight"),
        ("rpn.head.conv.weight", "rpn.head.conv.0.0.weight"),
    ],
)
def test_old_names_are_understood(old, new):
    assert modern(old) == new


def test_the_plainest_reading_comes_first():
    assert list(prefixes_of(["model.net.conv.w", "model.net.fc.w"])) == ["", "model.", "model.", "model.net."]
    assert list(prefixes_of(["backbone.w", "head.w"])) == ["", "backbone."]
    assert list(prefixes_of(["w"])) == [""]
    assert list(prefixes_of([])) == [""]
