"""Names that a zoo does not have, and directories that no model of transformers can be built from."""

import json

import pytest

NO_TYPE = 'tiny/config.json has no "model_type" to tell the architecture; give the directory of a whole model'
NO_JSON = "tiny/config.json is not JSON ("


@pytest.mark.parametrize("zoo", ["torchvision", "timm"])
@pytest.mark.parametrize("name", ["resnet5", "resnet-50", "ResNet50", "resnett50"])
def test_an_unknown_name_with_the_nearest_ones(here, zoo, name):
    told = here.refused(f"{zoo}:{name}")
    assert told.startswith(f"{zoo}:{name}: {zoo} has no model of this name; did you mean ")
    assert "resnet50" in told


@pytest.mark.parametrize("zoo", ["torchvision", "timm"])
@pytest.mark.parametrize("name", ["", "qqqqqqqq", "../resnet50", "qqq:qqq"])
def test_a_name_like_no_other(here, zoo, name):
    told = here.refused(f"{zoo}:{name}")
    assert told.startswith(f"{zoo}:{name}: {zoo} has no model of this name; ")
    assert "did you mean" not in told or name == "../resnet50"


@pytest.mark.parametrize("zoo", ["torchvision", "timm"])
def test_an_unknown_setting_of_a_zoo(here, zoo):
    told = here.refused(f"{zoo}:resnet18", "--set", "num_clases=3")
    assert told.startswith(f"{zoo}:resnet18: {zoo}/models/")
    assert told.endswith("ResNet.__init__() got an unexpected keyword argument 'num_clases'")


@pytest.mark.parametrize("zoo", ["torchvision", "timm"])
def test_an_image_that_is_too_small(here, zoo):
    told = here.refused(
        f"{zoo}:vit_b_16" if zoo == "torchvision" else "timm:vit_tiny_patch16_224", "--input", "1x3x32x32"
    )
    assert "AssertionError: " in told
    assert "given 1×3×32×32" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "tiny/config.json: no such file; transformers:DIR wants a directory that holds a config.json"),
        (b"", NO_JSON),
        (b"{", NO_JSON),
        (b"\xff\xfe", NO_JSON),
        (b"[" * 100_000, NO_JSON),
        (b"[]", NO_TYPE),
        (b"{}", NO_TYPE),
        (b'{"model_type": ["bert"]}', NO_TYPE),
        (b'{"hidden_size": 3}', NO_TYPE),
        (b'{"model_type": "unheard"}', "tiny/config.json: this transformers does not know model type 'unheard'; code"),
        (
            b'{"model_type": "bert", "hidden_size": "many"}',
            "tiny/config.json: Validation error for field 'hidden_size': ",
        ),
    ],
)
def test_a_directory_without_a_model(here, content, told):
    if content is not None:
        here.write("tiny/config.json", content)
    assert here.refused("transformers:tiny").startswith(told)


def test_a_configuration_that_contradicts_itself(here):
    here.write("tiny/config.json", json.dumps({"model_type": "bert", "hidden_size": 10, "num_attention_heads": 3}))
    told = here.refused("transformers:tiny")
    assert told.startswith("transformers:tiny: transformers/models/bert/modeling_bert.py:")
    assert told.endswith(": ValueError: The hidden size (10) is not a multiple of the number of attention heads (3)")


def test_code_that_a_model_brings_along_is_never_run(here):
    here.write("tiny/code.py", "open('ran', 'w')\n")
    here.write(
        "tiny/config.json",
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "code.A", "AutoModel": "code.B"}}),
    )
    assert "does not know model type 'own'; code that comes with a model is never run" in here.refused(
        "transformers:tiny"
    )


@pytest.mark.parametrize("target", ["transformers:", "transformers:nowhere"])
def test_no_directory(here, target):
    assert "config.json: no such file; transformers:DIR wants a directory" in here.refused(target)
