"""Without a name, a file gives the model that holds its other layers; several are listed with their sizes."""

import pytest

from analyzer.loading import load
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

LAYERS = """\
import torch
from torch import nn
class Swish(nn.Module):
    def forward(self, x): return x * x.sigmoid()
class Block(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.conv, self.act = nn.Conv2d(width, width, 3), Swish()
def make(width): return nn.Sequential(Block(width))
"""
READY = "class Net(nn.Module):\n    def __init__(self, width=4):\n        super().__init__()\n        self.body = "
NEEDY = READY.replace("width=4", "width")


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load_text(text, **settings):
        (tmp_path / "net.py").write_text(LAYERS + text)
        return load(ModelRequest("net.py", settings=settings))

    return load_text


def params(width):
    return width * width * 9 + width


@pytest.mark.parametrize(
    ("text", "width"),
    [
        (READY + "Block(width)\n", 4),
        (READY + "make(width)\n", 4),
        (READY + "nn.ModuleList([Block, Swish][0](width) for _ in 'x')\n", 4),
        (NEEDY + "Block(width)\ndef small(): return Net(3)\n", 3),
        (NEEDY + "Block(width)\ndef small(width=3, **more):\n    net = Net(width)\n    return net.eval()\n", 3),
        (NEEDY + "Block(width)\ndef small() -> Net:\n    return dict(net=Net(3))['net']\n", 3),
        (NEEDY + "Block(width)\ndef _net(width): return Net(width)\ndef small(): return _net(3)\n", 3),
        (NEEDY + "Block(width)\ndef small(): return Net(3)\ndef test(): return small()\ndef main(): 1 / 0\n", 3),
        (READY + "Block(width)\ndef small(): return Net(3)\n", 4),
        (READY + "Block(width)\nclass Other(Net): pass\ndef both(): return nn.Sequential(Net(1), Other(2))\n", 1),
        (NEEDY + "Block(width)\ndef small() -> 'nn.Module':\n    return dict(net=Net(3))['net']\n", 3),
    ],
)
def test_what_holds_the_others_is_taken(loaded, text, width):
    convolutions = [child for child in loaded(text).module.modules() if type(child).__name__ == "Conv2d"]
    assert convolutions[0].out_channels == width


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (
            NEEDY + "Block(width)\ndef small(): return Net(8)\ndef large(pretrained=False): return Net(64)\n",
            f"net.py:large ({params(64) / 1e3:.1f} k parameters), net.py:small ({params(8)} parameters)",
        ),
        (
            NEEDY + "Block(width)\ndef a(pretrained=True): return Net(9)\ndef b(): return Net(8)\n",
            f"net.py:b ({params(8)} parameters), net.py:a",
        ),
        (
            READY + "Block(width)\nclass Other(Net): pass\ndef one(): return Net(2)\n",
            f"net.py:Net ({params(4)} parameters), net.py:Other ({params(4)} parameters), "
            f"net.py:one ({params(2)} parameters)",
        ),
    ],
)
def test_several_are_listed_with_their_sizes_largest_first(loaded, text, listed):
    with pytest.raises(Problem) as caught:
        loaded(text)
    assert str(caught.value) == f"net.py: several models to choose from; name one of {listed}"


def test_many_are_counted(loaded):
    with pytest.raises(Problem, match=r"and 3 more$"):
        loaded(NEEDY + "Block(width)\n" + "".join(f"def net{size}(): return Net({size})\n" for size in range(15)))


def test_what_was_passed_over_is_said(loaded):
    assert loaded(READY + "Block(width)\n").assumptions == (
        "net.py:Net was taken as the model, not Swish or Block; another is named as net.py:NAME",
    )
    assert loaded(NEEDY + "Block(width)\n", width="3").assumptions == (
        "net.py:Net was taken as the model, not Swish or Block; another is named as net.py:NAME",
    )


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("class Loss(nn.Module): pass\n" + READY + "Block(width)\n", "Net"),
        ("class Loss(nn.Module): pass\n" + NEEDY + "Block(width)\ndef small(): return Net(3)\n", "Net"),
    ],
)
def test_a_layer_without_parameters_is_no_choice_beside_a_model(loaded, text, taken):
    assert loaded(text).kind == taken


def test_nothing_is_called_that_does_not_give_a_model(loaded):
    bombs = (
        "def main():\n    raise SystemExit\ndef train():\n    1 / 0\ndef size(): return 1 / 0\n",
        "def data():\n    return torch.zeros(1 // 0)\n",
        "def both(x=0):\n    if x:\n        return Block()\n    return 1 / 0\n",
        "def outer():\n    def inner(): return Block()\n    return 1 / 0\n",
    )
    assert loaded("".join(bombs) + NEEDY + "Block(width)\ndef small(): return Net(3)\n").kind == "Net"
