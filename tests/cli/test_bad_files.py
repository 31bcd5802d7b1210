"""A Python file or a name that gives no model: one sentence that says what is wrong, where, and what to do."""

import pytest

NOT_FOUND = "no such file; give the path of a Python file that defines a model"
EXITED = 'sys.exit was called while loading; put it below if __name__ == "__main__"'


def test_no_target(here):
    assert here.refused().startswith("no target given and no configuration found; name a model")


@pytest.mark.parametrize("target", ["gone.py", "gone.py:Net", "folder/gone.py"])
def test_no_such_file(here, target):
    assert here.refused(target) == f"{target.removesuffix(':Net')}: {NOT_FOUND}"


@pytest.mark.parametrize("target", ["resnet50", "gone.pth", "-", "a b:c", "http://host/model"])
def test_no_such_target(here, target):
    assert here.refused(target).startswith(f"{target}: no such file")


@pytest.mark.parametrize("target", [".", "folder"])
def test_a_directory(here, target):
    here.write("folder/model.py", "")
    assert here.refused(target).startswith(f"{target} is a directory; ")


def test_an_empty_target(here):
    assert here.refused("") == "an empty target was given; name a model, such as analyze model.py"


def test_python_under_another_name(here):
    here.write("model", "import torch\n")
    assert here.refused("model") == "model is not a checkpoint; if it is Python, give it a name that ends in .py"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import torch\nmodel = (\n", "model.py:2: SyntaxError: '(' was never closed"),
        ("if True:\n    a = 1\n  b = 2\n", "model.py:3: IndentationError: unindent does not match any outer"),
        ("a = 1\nb = 2\0\n", "model.py: SyntaxError: source code string cannot contain null bytes"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0", "model.py: SyntaxError: source code string cannot contain null bytes"),
        (b"name = '\xff\xfe'\n", "model.py:1: SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xff"),
        (
            "import torch\nimport no_such_package\n",
            "model.py:2: ModuleNotFoundError: No module named 'no_such_package'",
        ),
        ("from torch.nn import Conv9d\n", "model.py:1: ImportError: cannot import name 'Conv9d' from 'torch.nn'"),
        (
            "from .sibling import Net\n",
            "model.py:1: ImportError: attempted relative import with no known parent package",
        ),
        ("import torch\nx = 1 / 0\n", "model.py:2: ZeroDivisionError: division by zero"),
        ("raise ValueError('first\\nsecond')\n", "model.py:1: ValueError: first"),
        ("raise ValueError\n", "model.py:1: ValueError"),
        (
            "open('missing.yaml')\n",
            "model.py:1: FileNotFoundError: [Errno 2] No such file or directory: 'missing.yaml'",
        ),
        ("def f():\n    f()\nf()\n", "model.py:2: RecursionError: maximum recursion depth exceeded"),
        ("import sys\nsys.exit(0)\n", f"model.py:2: {EXITED}"),
        ("import sys\nsys.exit('bye')\n", f"model.py:2: {EXITED}"),
        ("raise SystemExit\n", f"model.py:1: {EXITED}"),
    ],
)
def test_a_file_that_cannot_be_executed(here, text, told):
    here.write("model.py", text)
    assert here.refused("model.py").startswith(told)


def test_an_error_in_a_sibling_names_the_sibling(here):
    here.write("layers.py", "x = 1\nimport no_such_package\n")
    here.write("model.py", "import layers\n")
    assert here.refused("model.py") == "layers.py:2: ModuleNotFoundError: No module named 'no_such_package'"


def test_an_error_in_a_library_names_the_users_line(here):
    here.write("model.py", "from torch import nn\n\nmodel = nn.Conv2d(3, 8, 3, groups=2)\n")
    assert here.refused("model.py") == "model.py:3: ValueError: in_channels must be divisible by groups"


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "import torch\n", "x = 1\n", "model = 'resnet'\n"])
def test_no_model(here, text):
    here.write("model.py", text)
    assert here.refused("model.py") == (
        "model.py: no model found; define `model`, a function build_model or a torch.nn.Module class"
    )


def test_imported_classes_are_not_the_files_models(here):
    here.write("model.py", "from torch.nn import Conv2d, Linear, Module\nfrom torchvision.models import resnet18\n")
    assert "no model found" in here.refused("model.py")


@pytest.mark.parametrize(
    ("more", "listed"),
    [
        ("class Other(Net): pass\n", ("Net", "Other")),
        ("def build(): return Net()\ndef get_model(): return Net()\n", ("get_model", "build")),
    ],
)
def test_several_models_are_listed(here, more, listed):
    here.net(more=more)
    size = (8 * 3 * 3 * 3 + 8) + (10 * 8 + 10)
    choices = ", ".join(f"model.py:{name} ({size} parameters)" for name in listed)
    assert here.refused("model.py") == f"model.py: several models to choose from; name one of {choices}"


def test_several_models_none_of_which_builds(here):
    here.net("width=8", "width", more="class Other(Net): pass\n")
    assert here.refused("model.py") == (
        "model.py: several models to choose from, all of which need arguments; name one of model.py:Net, model.py:Other"
    )


@pytest.mark.parametrize(
    ("more", "target", "told"),
    [
        ("", "model.py:Nope", "model.py has no attribute 'Nope'; it defines model.py:Net"),
        ("", "model.py:Net.gone", "model.py has no attribute 'Net.gone'; it defines model.py:Net"),
        ("size = 3\n", "model.py:size", "model.py:size is an int, not a model; name a torch.nn.Module or a function"),
        ("", "model.py:torch", "model.py:torch is a module, not a model; name a torch.nn.Module or a function"),
        ("def build(): pass\n", "model.py", "model.py:build returned a NoneType, not a torch.nn.Module"),
        ("def build(): return {'net': Net()}\n", "model.py", "model.py:build returned a dict, not a torch.nn.Module"),
        ("def build():\n    return 1 / 0\n", "model.py", "model.py:15: ZeroDivisionError: division by zero"),
        ("def build(): return build()\n", "model.py", "model.py:14: RecursionError: maximum recursion depth"),
        ("def build(): exit(1)\n", "model.py", f"model.py:14: {EXITED}"),
        ("def example_inputs():\n    return 1 / 0\n", "model.py", "model.py:15: ZeroDivisionError"),
    ],
)
def test_what_is_named_gives_no_model(here, more, target, told):
    here.net(more=more)
    assert here.refused(target).startswith(told)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("no_such_package.net:Net", "no_such_package.net:Net: ModuleNotFoundError: No module named 'no_such_package'"),
        ("package.gone:Net", "package.gone:Net: ModuleNotFoundError: No module named 'package.gone'"),
        ("package.broken:Net", "package/broken.py:2: ZeroDivisionError: division by zero"),
        ("package.net:Gone", "package.net has no attribute 'Gone'; it defines package.net:Net"),
        (
            "package.net:nn",
            "package.net:nn is a module, not a model; name a torch.nn.Module or a function returning one",
        ),
        ("os.path:sep", "os.path:sep is a str, not a model; name a torch.nn.Module or a function returning one"),
    ],
)
def test_a_module_that_gives_no_model(here, target, told):
    here.write("package/__init__.py", "")
    here.write("package/broken.py", "x = 1\nx / 0\n")
    here.write("package/net.py", "from torch import nn\nclass Net(nn.Linear): pass\n")
    assert here.refused(target) == told


def test_a_builder_that_needs_arguments_is_told_with_their_names(here):
    here.net(more="def build_model(width, depth, bias=True): return Net(width)\n")
    assert here.refused("model.py") == (
        "model.py:build_model needs width, depth; give a value with --set width=VALUE --set depth=VALUE"
    )
    assert here.refused("model.py", "--set", "width=4") == (
        "model.py:build_model needs depth; give a value with --set depth=VALUE"
    )


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("wide=3", "model.py:Net has no argument 'wide'; it takes width"),
        ("width", "--set width: write it as NAME=VALUE, such as --set num_classes=10"),
        ("=3", "--set =3: write it as NAME=VALUE, such as --set num_classes=10"),
        ("width=many", "model.py:Net: --set width=many is not an integer"),
        ("width=1.5", "model.py:Net: --set width=1.5 is not an integer"),
        ("width=True", "model.py:Net: --set width=True is not an integer"),
        ("width=-3", "model.py:8: RuntimeError: Trying to create tensor with negative dimension -3: [-3, 3, 3, 3]"),
    ],
)
def test_a_wrong_setting(here, setting, told):
    here.net()
    assert here.refused("model.py", "--set", setting) == told


def test_a_setting_for_what_is_built_already(here):
    here.net(more="model = Net()\n")
    assert here.refused("model.py", "--set", "width=4") == (
        "model.py:model is built already, so --set width cannot reach it"
    )


def test_one_bad_target_of_several_writes_nothing(here):
    here.net()
    assert here.refused("model.py", "gone.py") == f"gone.py: {NOT_FOUND}"


def test_a_builder_that_wants_a_configuration_is_told_with_code_to_paste(here):
    here.net("width=8", "config", more="class Config:\n    pass\n")
    done = here.analyze("model.py")
    sentence, empty, *code = done.err.splitlines()
    assert (done.status, empty) == (2, "")
    assert sentence == (
        "analyze: error: model.py:Net needs config, an object that --set cannot give; "
        "define build_model in build.py, with what is needed, and analyze build.py"
    )
    assert code == [
        "from model import Net, Config",
        "",
        "",
        "def build_model():",
        "    config = Config()",
        "    return Net(config=config)",
    ]
