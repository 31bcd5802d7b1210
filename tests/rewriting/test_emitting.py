"""The written file: what it imports, which layers it swaps, and that no text of others becomes code in it."""

import ast

import pytest
from torch import nn

from analyzer.loading.python.origin import Origin
from analyzer.rewriting.emitting import EmittedSwap, code
from analyzer.values.convolution import Convolution, Identity, Proposal
from analyzer.values.counts import Input

ORIGIN = Origin(("import original",), "original.build()")
GROUPED = Convolution(8, 8, (3, 3), (1, 1), (1, 1), (1, 1), groups=2, bias=True)


def written(module, proposal, tmp_path, comment="GRP101", origin=ORIGIN, **given):
    return code(module, [EmittedSwap(proposal, comment)], origin, tmp_path / "new.py", "A model", **given)


def test_the_file_builds_the_model_and_swaps_its_layer(tmp_path):
    module = nn.Sequential(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1)), nn.ReLU())
    text = written(module, Proposal((("0.0", (GROUPED,)),)), tmp_path)
    assert text == (
        '"""A model"""\n\n'
        "from torch import nn\n\n"
        "import original\n\n\n"
        "def build_model() -> nn.Module:\n"
        "    model = original.build()\n\n"
        "    # GRP101\n"
        "    model[0][0] = nn.Conv2d(8, 8, 3, padding=1, groups=2)\n\n"
        "    return model\n"
    )


@pytest.mark.parametrize(
    ("name", "place"),
    [("conv", "model.conv"), ("class", "model._modules['class']"), ("1st", "model._modules['1st']")],
)
def test_a_layer_is_named_as_python_can_name_it(name, place, tmp_path):
    module = nn.Module()
    module.add_module(name, nn.Conv2d(8, 8, 3, padding=1))
    assert f"    {place} = nn.Conv2d(" in written(module, Proposal(((name, (GROUPED,)),)), tmp_path)


def test_a_layer_under_two_names_is_swapped_at_both(tmp_path):
    module = nn.Module()
    module.one = module.two = nn.Conv2d(8, 8, 3, padding=1)
    assert "model.one = model.two = nn.Conv2d(" in written(module, Proposal((("one", (GROUPED,)),)), tmp_path)


def test_several_layers_are_a_sequence_and_a_frozen_one_stays_frozen(tmp_path):
    module = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1)).requires_grad_(False)
    text = written(module, Proposal((("0", (GROUPED, Identity())),)), tmp_path)
    assert "model[0] = nn.Sequential(\n" in text
    assert "    ).requires_grad_(False)\n" in text


def test_a_layer_that_only_hands_over_its_weights_is_not_written(tmp_path):
    module = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8))
    kept = Convolution(8, 8, (3, 3), (1, 1), (0, 0), (1, 1), bias=True)
    text = written(module, Proposal((("0", (kept,)), ("1", (Identity(),)))), tmp_path)
    assert "model[0]" not in text
    assert "model[1] = nn.Identity()" in text


def test_no_comment_becomes_code(tmp_path):
    module = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1))
    text = written(module, Proposal((("0", (GROUPED,)),)), tmp_path, comment='one\nimport os\n"""')
    assert not any(isinstance(node, ast.Import) and node.names[0].name == "os" for node in ast.walk(ast.parse(text)))


def test_inputs_are_written_where_the_origin_has_none(tmp_path):
    module, proposal = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1)), Proposal((("0", (GROUPED,)),))
    text = written(module, proposal, tmp_path, inputs=[Input("ids", (1, 8), "int64")])
    assert 'example_inputs = {"ids": torch.zeros(1, 8, dtype=torch.int64)}' in text
    assert "import torch\n" in text
    own = Origin(("import original",), "original.build()", examples="original.example_inputs")
    assert "example_inputs = original.example_inputs" in written(module, proposal, tmp_path, origin=own)
