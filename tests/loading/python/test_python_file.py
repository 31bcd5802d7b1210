"""A model is found in a file as stated, its code runs as if in its own directory, and errors name the user's line."""

import sys

import pytest

from analyzer.loading import load
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

NET = """\
from torch import nn
class Net(nn.Module):
    def __init__(self, width=8, bias: bool = True, name: str = "a", rate=0.5):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, bias=bias)
    def forward(self, x):
        return self.conv(x)
"""


@pytest.fixture(autouse=True)
def _below(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path):
    def written(text, name="model.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    return written


def width(loaded):
    return loaded.module.conv.out_channels


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("model = Net(1)\ndef build(): return Net(2)\n", 1),
        ("def build_model(): return Net(2)\nclass Other(Net): pass\n", 2),
        ("def get_model(width=3): return Net(width)\n", 3),
        ("def create_model(): return Net(4)\n", 4),
        ("def build(): return Net(5)\n", 5),
        ("", 8),
        ("class Needs(nn.Module):\n    def __init__(self, a): super().__init__()\n", 8),
        ("model = 3\n", 8),
        ("from torchvision.models import get_model\n", 8),
        ("from torch.nn import Identity, ReLU\n", 8),
    ],
)
def test_discovery_in_the_stated_order(write, more, expected):
    assert width(load(ModelRequest(write(NET + more)))) == expected


@pytest.mark.parametrize("name", ["Net", "make", "built", "Names.make", "part"])
def test_a_named_attribute(write, name):
    more = "def make(): return Net()\nbuilt = Net()\nclass Names: make = make\n"
    file = write(NET + more + "import functools\npart = functools.partial(Net, width=8)\n")
    loaded = load(ModelRequest(f"{file}:{name}"))
    assert (loaded.kind, width(loaded), loaded.module.training) == ("Net", 8, False)


def test_an_importable_module(write):
    write(NET + "from .parts import x\n", "package_of_the_test/net.py")
    write("x = 1\n", "package_of_the_test/parts.py")
    write("", "package_of_the_test/__init__.py")
    loaded = load(ModelRequest("package_of_the_test.net:Net"))
    assert (loaded.name, width(loaded)) == ("Net", 8)
    assert loaded.sources[""].file == "package_of_the_test/net.py"
    assert not [name for name in sys.modules if name.startswith("package_of_the_test")]


def test_a_file_in_a_package_imports_relatively(write):
    write("", "pack/__init__.py")
    write(NET, "pack/net.py")
    assert load(ModelRequest(write("from .net import Net\nmodel = Net()\n", "pack/main.py"))).kind == "Net"


@pytest.mark.parametrize("root", ["", "src/", "deep/down/src/"])
def test_a_file_that_its_own_package_imports(write, root):
    """As `python -m` would: the package first, which imports this very file and others that import each other."""
    write("from .net import Net\nfrom .other import Other\n", f"{root}pack/__init__.py")
    write("from torch import nn\nfrom .random import WIDTH\nclass Other(nn.Module): ...\n", f"{root}pack/other.py")
    write("WIDTH = 5\n", f"{root}pack/random.py")
    write(
        "import random\nfrom . import other\nfrom pack.random import WIDTH\nassert random.random\n"
        + NET
        + "model = Net(WIDTH)\n",
        f"{root}pack/net.py",
    )
    loaded = load(ModelRequest(f"{root}pack/net.py"))
    assert (width(loaded), loaded.sources[""].file) == (5, f"{root}pack/net.py")
    assert loaded.materialize().conv.weight.device.type == "cpu"
    assert not [name for name in sys.modules if name.partition(".")[0] == "pack"]


def test_a_file_that_does_not_need_its_broken_package_is_run_alone(write):
    write("import missing_of_test\n", "pack/__init__.py")
    loaded = load(ModelRequest(write(NET, "pack/net.py")))
    assert loaded.assumptions == ("the package `pack` cannot be imported here, so pack/net.py was run without it",)
    write(NET + "from . import other\n", "pack/net.py")
    with pytest.raises(Problem, match=r"^pack/__init__.py:1: ModuleNotFoundError: No module named 'missing_of_test'"):
        load(ModelRequest("pack/net.py"))


def test_folders_without_init_files_are_packages_where_imports_say_so(write):
    write("WIDTH = 6\n", "lab/widths.py")
    write("from ..widths import WIDTH\nfrom lab.widths import WIDTH as again\n" + NET, "lab/models/net.py")
    write("from .net import Net, WIDTH\nmodel = Net(WIDTH)\n", "lab/models/main.py")
    assert [width(load(ModelRequest(f"lab/models/{name}.py"))) for name in ("main", "net")] == [6, 8]


def test_the_package_itself_is_a_target(write):
    write(NET, "pack/net.py")
    write("from .net import Net\ndef build_model(): return Net(3)\n", "pack/__init__.py")
    assert width(load(ModelRequest("pack/__init__.py"))) == 3


def test_what_lies_in_the_projects_source_folder_is_found(write):
    write("WIDTH = 7\n", "src/pack_of_test/__init__.py")
    write("", "pyproject.toml")
    text = "from pack_of_test import WIDTH\n" + NET + "model = Net(WIDTH)\n"
    assert width(load(ModelRequest(write(text, "tools/main.py")))) == 7
    write("from pack_of_test import WIDTH\n" + NET + "model = Net(WIDTH)\n", "src/pack_of_test/net.py")
    assert width(load(ModelRequest("pack_of_test.net:model"))) == 7


def test_a_file_imports_its_neighbours_and_leaves_no_trace(write):
    write(NET, "sub/neighbour.py")
    file = write("from neighbour import Net\nimport sys\nsys.path.append('x')\nmodel = Net()\n", "sub/main.py")
    path, modules, argv = list(sys.path), set(sys.modules), list(sys.argv)
    load(ModelRequest(file))
    assert (sys.path, sys.argv) == (path, argv)
    assert not {"neighbour", "main"} & (set(sys.modules) - modules)


def test_neighbours_of_one_name_are_not_confused(write):
    for number in (1, 2):
        write(f"width = {number}\n", f"{number}/config.py")
        write(NET + "from config import width\nmodel = Net(width)\n", f"{number}/model.py")
    assert [width(load(ModelRequest(f"{number}/model.py"))) for number in (1, 2)] == [1, 2]


def test_an_imported_module_of_the_same_name_comes_back(write):
    import json

    load(ModelRequest(write(NET, "json.py")))
    assert sys.modules["json"] is json


def test_main_is_not_run_and_prints_go_to_stderr(write, capsys):
    load(ModelRequest(write(NET + "print('hello')\nif __name__ == '__main__': raise ValueError\n")))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


def test_arguments_of_the_command_are_not_the_files(write, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["analyze", "--nonsense"])
    assert load(ModelRequest(write(NET + "import argparse\nargparse.ArgumentParser().parse_args()\n"))).kind == "Net"


def test_annotations_are_what_the_file_says(write):
    """Its code is compiled without the options of the code that compiles it."""
    text = NET + "def build(width: int = 3): return Net(width)\nassert build.__annotations__ == {'width': int}\n"
    assert width(load(ModelRequest(write(text)))) == 3


def test_settings_are_typed(write):
    loaded = load(ModelRequest(write(NET), settings={"width": "16", "bias": "false", "name": "12"}))
    assert (width(loaded), loaded.module.conv.bias) == (16, None)


def test_example_inputs_are_taken(write):
    text = NET + "import torch\nexample_inputs = torch.randn(2, 3, 8, 8)\n"
    (inputs,) = load(ModelRequest(write(text))).candidates
    assert inputs.args[0].shape == (2, 3, 8, 8)
    assert inputs.assumption == "inputs are the file's `example_inputs`"


def test_a_real_module_has_the_same_weights_at_every_call(write):
    loaded = load(ModelRequest(write(NET)))
    first, second = loaded.materialize(), loaded.materialize()
    assert loaded.module.conv.weight.is_meta
    assert first.conv.weight.equal(second.conv.weight)
    assert not first.training


def test_a_checkpoint_is_put_into_the_real_module(write, tmp_path):
    import torch

    path = tmp_path / "weights.pth"
    torch.save({"conv.weight": torch.full((8, 3, 3, 3), 2.0), "conv.bias": torch.zeros(8)}, path)
    loaded = load(ModelRequest(write(NET), checkpoint=str(path)))
    assert loaded.checkpoint == str(path)
    assert loaded.materialize().conv.weight.eq(2).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "model.py: no model found; define `model`, a function build_model or a torch.nn.Module class"),
        (
            NET + "class Other(Net): pass\n",
            "model.py: several models to choose from; name one of model.py:Net (224 parameters), "
            "model.py:Other (224 parameters)",
        ),
        (
            NET + "def build(): return Net()\ndef get_model(): return Net()\n",
            "model.py: several models to choose from; name one of model.py:get_model (224 parameters), "
            "model.py:build (224 parameters)",
        ),
        (
            "from torch import nn\nclass A(nn.Module):\n    def __init__(self, a, *, b): ...\n",
            "model.py:A needs a, b; give a value with --set a=VALUE --set b=VALUE",
        ),
        (NET + "def build(depth): return Net()\n", "model.py:build needs depth; give a value with --set depth=VALUE"),
        (NET + "def build(): return 3\n", "model.py:build returned an int, not a torch.nn.Module"),
        ("import torch\nx = (\n", "model.py:2: SyntaxError: '(' was never closed"),
        ("x = 1\nimport missing_of_test\n", "model.py:2: ModuleNotFoundError: No module named 'missing_of_test'"),
        ("def f():\n    raise ValueError('no\\nreally')\n\nf()\n", "model.py:2: ValueError: no"),
        (NET + "def build():\n    return Net(width='x')\n", "model.py:5: TypeError: "),
        (
            "import sys\nsys.exit(3)\n",
            'model.py:2: sys.exit was called while loading; put it below if __name__ == "__main__"',
        ),
        ("import torch\ntorch.zeros(2)[5]\n", "model.py:2: IndexError: "),
        ("a\0b", "model.py"),
    ],
)
def test_a_bad_file_is_told_in_one_sentence(write, text, message):
    with pytest.raises(Problem) as caught:
        load(ModelRequest(write(text)))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("absent.py", {}, "absent.py: no such file; give the path of a Python file that defines a model"),
        ("absent.py:Net", {}, "absent.py: no such file; give the path of a Python file that defines a model"),
        ("model.py:Nett", {}, "model.py has no attribute 'Nett'; it defines model.py:built, model.py:Net"),
        (
            "model.py:number",
            {},
            "model.py:number is an int, not a model; name a torch.nn.Module or a function returning one",
        ),
        ("model.py:built", {"width": "3"}, "model.py:built is built already, so --set width cannot reach it"),
        ("model.py:Net", {"wdth": "3"}, "model.py:Net has no argument 'wdth'; it takes width, bias, name, rate"),
        ("model.py:Net", {"width": "x"}, "model.py:Net: --set width=x is not an integer"),
        ("model.py:Net", {"bias": "3"}, "model.py:Net: --set bias=3 is not a truth value; write True or False"),
        ("model.py:Net", {"rate": "x"}, "model.py:Net: --set rate=x is not a number"),
        ("absent_package_of_test.net:Net", {}, "absent_package_of_test.net:Net: ModuleNotFoundError: No module named"),
        ("nothing", {}, "nothing: no such file or model; give a Python file, a checkpoint or torchvision:NAME"),
    ],
)
def test_a_bad_target_is_told_in_one_sentence(write, target, settings, message):
    write(NET + "number = 3\nbuilt = Net()\n")
    with pytest.raises(Problem) as caught:
        load(ModelRequest(target, settings=settings))
    assert str(caught.value).startswith(message)


def test_an_error_in_a_neighbour_names_the_neighbours_line(write):
    write("\n\nraise KeyError('x')\n", "sub/neighbour.py")
    with pytest.raises(Problem, match=r"^sub/neighbour.py:3: KeyError"):
        load(ModelRequest(write("import neighbour\n", "sub/main.py")))
