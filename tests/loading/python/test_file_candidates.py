"""Which names of a file are models, and which of them hold others."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from analyzer.loading.python.file_candidates import candidates_in, defined_in

HEAD = "import torch\nfrom torch import nn\n"


@pytest.fixture
def executed(tmp_path: Path):
    def of(text: str) -> ModuleType:
        path = tmp_path / "net.py"
        path.write_text(HEAD + text)
        spec = importlib.util.spec_from_file_location("net", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return of


BUILDERS = {
    "a module that is made": ("def build(): return nn.Linear(2, 3)", True),
    "one that was kept in a name": ("def build():\n    net = nn.Linear(2, 3)\n    return net", True),
    "one that was moved": ("def build(): return nn.Linear(2, 3).to('cpu').eval()", True),
    "one of another builder": ("def part(): return nn.Linear(2, 3)\ndef build(): return part()", True),
    "one that is promised": ("def build() -> 'nn.Module': return globals()['x']", True),
    "a number": ("def build(): return 3", False),
    "a module or nothing": ("def build(x):\n    if x: return nn.Linear(2, 3)\n    return None", False),
    "what it is given": ("def build(net): return net", False),
    "itself": ("def build(): return build()", False),
}


@pytest.mark.parametrize(("text", "expected"), BUILDERS.values(), ids=BUILDERS.keys())
def test_a_function_is_a_builder_where_every_return_gives_a_module(executed, text, expected):
    assert ("build" in candidates_in(executed(text)).functions) is expected


def test_private_functions_and_tests_are_none(executed):
    text = "def _build(): return nn.Linear(2, 3)\ndef test_it(): return nn.Linear(2, 3)\n"
    assert candidates_in(executed(text)).functions == ()


def test_classes_are_the_files_own_modules_each_by_its_first_name(executed):
    found = candidates_in(
        executed("class Net(nn.Module): pass\nAlias = Net\nclass Other: pass\nfrom torch.nn import ReLU")
    )
    assert found.classes == ("Net",)


def test_what_another_one_holds_is_not_outermost(executed):
    text = (
        "class Inner(nn.Module): pass\n"
        "class Block(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.inner = Inner()\n"
        "def build(): return Block()\n"
        "if True:\n    class Alone(nn.Module): pass\n"
    )
    found = candidates_in(executed(text))
    assert found.held["build"] == {"Block", "Inner"}
    assert found.outermost(("Inner", "Block", "Alone")) == ("Block", "Alone")


def test_two_that_hold_each_other_are_both_outermost(executed):
    text = "class A(nn.Module):\n    def other(self): return B\nclass B(nn.Module):\n    def other(self): return A\n"
    assert candidates_in(executed(text)).outermost(("A", "B")) == ("A", "B")


def test_a_name_of_another_file_is_not_defined_here(executed):
    module = executed("from collections import OrderedDict\nclass Net(nn.Module): pass")
    assert (defined_in(module, "Net", type), defined_in(module, "OrderedDict", type)) == (True, False)
