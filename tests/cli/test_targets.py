"""Every form of a target, with the numbers of its model, and what its file may do while it is loaded."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

PARAMS = (8 * 3 * 3 * 3 + 8) + (10 * 8 + 10)
STATE = {
    "conv.weight": torch.zeros(8, 3, 3, 3),
    "conv.bias": torch.zeros(8),
    "head.weight": torch.zeros(10, 8),
    "head.bias": torch.zeros(10),
}
"""The state of `Net`, whose parameters are `PARAMS`."""


def macs(side, width=8):
    """Of `Net` at a square image: a 3×3 convolution without padding, then a linear layer to ten classes."""
    return width * 3 * 3 * 3 * (side - 2) ** 2 + 10 * width


@pytest.mark.parametrize(
    ("more", "target", "width"),
    [
        ("", "model.py", 8),
        ("model = Net(4)\n", "model.py", 4),
        ("def build_model(): return Net(5)\n", "model.py", 5),
        ("def get_model(): return Net(5)\n", "model.py", 5),
        ("def create_model(): return Net(5)\n", "model.py", 5),
        ("def build(): return Net(5)\n", "model.py", 5),
        ("class Wide(Net):\n    def __init__(self): super().__init__(16)\n", "model.py:Wide", 16),
        ("def wide(width=16): return Net(width)\n", "model.py:wide", 16),
        ("wide = Net(16)\n", "model.py:wide", 16),
        ("wide = Net(16)\n", "model:wide", 16),
        ("class Zoo:\n    wide = Net(16)\n", "model:Zoo.wide", 16),
    ],
)
def test_a_python_file(here, more, target, width):
    here.net(more=more)
    report = here.json(target, "--input", "1x3x9x9")
    assert report["model"]["kind"] in ("Net", "Wide")
    assert report["total"]["params"] == (width * 3 * 3 * 3 + width) + (10 * width + 10)
    assert report["total"]["macs"] == macs(9, width)
    assert report["inputs"] == [{"name": "x", "shape": [1, 3, 9, 9], "dtype": "float32"}]


def test_a_module_of_a_package(here):
    here.write("package/__init__.py", "")
    here.write("package/parts/__init__.py", "from .layers import Layer\n")
    here.write("package/parts/layers.py", "from torch import nn\nclass Layer(nn.Linear): pass\n")
    here.write("package/net.py", "from .parts import Layer\ndef build(size: int): return Layer(3, size)\n")
    for target in ("package.net:build", "package/net.py"):
        report = here.json(target, "--set", "size=5", "--input", "2x3")
        assert (report["total"]["params"], report["total"]["macs"]) == (5 * 3 + 5, 2 * 5 * 3)


@pytest.mark.parametrize(("settings", "width"), [((), 8), (("width=4",), 4), (("width=4", "width=6"), 6)])
def test_settings_reach_the_builder(here, settings, width):
    here.net()
    report = here.json("model.py", *(word for setting in settings for word in ("--set", setting)))
    assert report["total"]["macs"] == macs(224, width)


@pytest.mark.parametrize(
    "example",
    [
        "torch.zeros(2, 3, 9, 9)",
        "(torch.zeros(2, 3, 9, 9),)",
        "{'x': torch.zeros(2, 3, 9, 9)}",
        "lambda: torch.zeros(2, 3, 9, 9)",
    ],
)
def test_the_files_example_inputs(here, example):
    here.net(more=f"example_inputs = {example}\n")
    report = here.json("model.py")
    assert report["total"]["macs"] == 2 * macs(9)
    assert "inputs are the file's `example_inputs`" in report["model"]["assumptions"]


def test_what_was_assumed_stands_in_the_report(here):
    here.net()
    sentence = "input 1×3×224×224 float32 was assumed from the first layer, Conv2d `conv`"
    assert sentence in here.json("model.py")["model"]["assumptions"]
    assert sentence.removeprefix("input") in here.analyze("model.py", "--output", "-").out
    assert here.json("model.py", "--input", "1x3x9x9")["model"]["assumptions"] == []


@pytest.mark.parametrize(
    ("target", "params", "shape"),
    [
        ("torchvision:resnet18", 11_689_512, [1, 3, 224, 224]),
        ("timm:resnet18", 11_689_512, [1, 3, 224, 224]),
    ],
)
def test_a_zoo(here, target, params, shape):
    """The published number of parameters of ResNet-18, and its 1.81 G MACs."""
    report = here.json(target)
    assert report["total"]["params"] == params
    assert round(report["total"]["macs"] / 1e9, 2) == 1.81
    assert [item["shape"] for item in report["inputs"]] == [shape]


def test_a_zoo_takes_settings(here):
    ten, thousand = here.json("torchvision:resnet18", "--set", "num_classes=10"), here.json("torchvision:resnet18")
    assert thousand["total"]["params"] - ten["total"]["params"] == (512 + 1) * 990


def test_a_directory_of_transformers(here):
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 1, "n_embd": 8, "n_head": 2}
    here.write(
        "tiny/config.json",
        json.dumps(config | {"vocab_size": 50, "n_positions": 16}),
    )
    report = here.json("transformers:tiny")
    embeddings, norms = 50 * 8 + 16 * 8, 3 * 2 * 8
    block = (8 * 24 + 24) + (8 * 8 + 8) + (8 * 32 + 32) + (32 * 8 + 8)
    assert report["total"]["params"] == embeddings + norms + block
    attention = 2 * 16 * 16 * 8
    assert report["total"]["macs"] == 16 * (8 * 24 + 8 * 8 + 8 * 32 + 32 * 8 + 8 * 50) + attention
    assert report["inputs"] == [{"name": "input_ids", "shape": [1, 16], "dtype": "int64"}]


@pytest.mark.parametrize("name", ["weights.pth", "weights.pt", "weights.safetensors"])
def test_a_checkpoint_alone(here, name):
    save_file(STATE, name) if name.endswith("safetensors") else torch.save({"state_dict": STATE}, name)
    report = here.json(name)
    assert (report["total"]["params"], report["total"]["param_bytes"]) == (PARAMS, 4 * PARAMS)
    assert report["total"]["macs"] is None
    assert "a checkpoint alone does not say what the forward computes" in report["tracing"]["reason"]
    assert here.analyze(name).status == 0


def test_a_sharded_checkpoint_alone(here):
    save_file({name: STATE[name] for name in ("conv.weight", "conv.bias")}, "one.safetensors")
    save_file({name: STATE[name] for name in ("head.weight", "head.bias")}, "two.safetensors")
    shards = {name: "one.safetensors" if name.startswith("conv") else "two.safetensors" for name in STATE}
    here.write("model.safetensors.index.json", json.dumps({"weight_map": shards}))
    assert here.json("model.safetensors.index.json")["total"]["params"] == PARAMS


def test_a_checkpoint_of_a_known_architecture_is_analysed_in_full(here):
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1().state_dict(), "weights.pth")
    report = here.json("weights.pth")
    assert report["total"]["params"] == 1_235_496  # as torchvision publishes it
    assert round(report["total"]["macs"] / 1e9, 2) == 0.35
    assert report["model"]["checkpoint"] == "weights.pth"
    assert any("squeezenet1_1" in sentence for sentence in report["model"]["assumptions"])


def test_an_exported_program_and_a_scripted_module(here):
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    torch.export.save(torch.export.export(net, (torch.zeros(3, 6),)), "net.pt2")
    torch.jit.script(net).save("net.pt")
    exported, scripted = here.json("net.pt2"), here.json("net.pt", "--input", "3x6")
    for report in (exported, scripted):
        assert report["total"]["params"] == (6 * 4 + 4) + (4 * 2 + 2)
        assert report["total"]["macs"] == 3 * (6 * 4 + 4 * 2)


def test_a_checkpoint_for_each_target(here):
    here.net()
    here.write("wide.py", "from model import Net\nmodel = Net(16)\n")
    shapes = {"conv.weight": (16, 3, 3, 3), "conv.bias": (16,), "head.weight": (10, 16), "head.bias": (10,)}
    torch.save(STATE, "net.pth")
    torch.save({f"module.{name}": torch.zeros(shape) for name, shape in shapes.items()}, "wide.pth")
    checkpoints = ("--checkpoint", "net.pth", "--checkpoint", "wide.pth")
    done = here.analyze("model.py", "wide.py", *checkpoints, "--output", "json:-")
    assert [report["model"]["checkpoint"] for report in json.loads(done.out)] == ["net.pth", "wide.pth"]
    assert "does not fit the model" in here.refused("wide.py", "model.py", *checkpoints)


def test_spaces_and_letters_of_any_script(here):
    folder = "mein ordner/模型"
    here.write(
        f"{folder}/größe.py",
        "from torch import nn\nclass Größe(nn.Linear): pass\nmodel = nn.Sequential()\n"
        "model.add_module('schicht eins | 层', Größe(3, 5))\n",
    )
    report = here.json(f"{folder}/größe.py", "--input", "2x3")
    assert report["total"]["macs"] == 2 * 3 * 5
    assert "schicht eins | 层" in [layer["path"] for layer in report["layers"]]
    assert here.analyze(f"{folder}/größe.py").status == 0
    assert "reports/größe.md" in here.contents()


@pytest.mark.parametrize("more", ["model = Net\n", "Alias = Net\n", "def build(): return Net()\nget_model = build\n"])
def test_two_names_of_one_thing_are_no_choice(here, more):
    here.net(more=more)
    assert here.json("model.py")["total"]["params"] == PARAMS


@pytest.mark.parametrize(
    "name", ["torch", "numpy", "json", "types", "analyzer", "__main__", "my-net", "2net", "net.v2"]
)
def test_a_file_may_have_any_name(here, name):
    here.net()
    here.write(f"{name}.py", here.contents()["model.py"] + b"if __name__ == '__main__': raise SystemExit\n")
    assert here.json(f"{name}.py")["total"]["macs"] == macs(224)


def test_a_sibling_is_importable_and_forgotten_again(here):
    for folder, size in (("a", 5), ("b", 7)):
        here.write(f"{folder}/layers.py", f"from torch import nn\ndef layer(): return nn.Linear(3, {size})\n")
        here.write(f"{folder}/model.py", "from layers import layer\nmodel = layer()\n")
        assert here.json(f"{folder}/model.py")["total"]["params"] == 3 * size + size


def test_what_a_file_does_to_its_process_does_not_reach_the_next_target(here):
    here.write(
        "rude.py",
        "import os, sys, torch\nos.chdir('/')\nsys.path.clear()\nsys.argv = ['gone']\n"
        "torch.set_default_dtype(torch.float64)\nmodel = torch.nn.Linear(3, 5)\n",
    )
    here.net()
    done = here.analyze("rude.py", "model.py", "--output", "report.json")
    assert (done.status, done.err) == (0, "")
    rude, net = json.loads(here.contents()["report.json"])
    assert (rude["total"]["param_bytes"], net["total"]["param_bytes"]) == (8 * (3 * 5 + 5), 4 * PARAMS)


def test_what_the_file_and_the_forward_print_goes_to_stderr(here):
    here.net("x = self.conv", "print('running')\n        x = self.conv", more="print('loading')\nmodel = Net()\n")
    done = here.analyze("model.py", "--output", "json:-")
    assert done.status == 0
    assert json.loads(done.out)["total"]["params"] == PARAMS
    assert done.err.startswith("loading\n")
    assert "running\n" in done.err


def test_a_file_that_guards_its_main_part(here):
    here.net(more="if __name__ == '__main__':\n    raise SystemExit(3)\n")
    assert here.json("model.py")["total"]["params"] == PARAMS


def test_the_first_configuration_says_what_was_assumed(here):
    here.write("model.py", "from torch import nn\nmodel = nn.ReLU()\n")
    done = here.analyze("--init", "model.py")
    sentence = "assumed: input 1×3×224×224 float32 was assumed from the commonest shapes"
    assert (done.status, done.err.splitlines()) == (0, [sentence, "written to analyze.toml"])
    assert f"# {sentence}\n" in here.contents()["analyze.toml"].decode()
