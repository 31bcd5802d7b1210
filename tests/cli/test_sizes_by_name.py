"""Sizes that `--input` names, in formulas, at other sizes and in budgets, and sizes that no formula speaks of."""

import pytest

TRANSFORMER = """import torch
from torch import nn
class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(2, 8, 4))
    def forward(self, x):
        return x.reshape(2, 8, 4) + self.table
class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
    def forward(self, x):
        return torch.stack([self.layer(step) for step in x.unbind(1)], 1)
class Long(nn.Module):
    def forward(self, x):
        return x.exp() if x.shape[1] < 100 else x.exp().exp()
"""


MIXER = """import torch
from torch import nn
class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
    def forward(self, x):
        return self.layer(x)
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mixer, self.head = Mixer(), nn.Linear(4, 2)
    def forward(self, x):
        return self.head(self.mixer(x))
"""
ATTENTION = MIXER.replace("return self.layer(x)", "return x @ x.transpose(1, 2) @ self.layer(x)")
GROWTH = """[[models]]
target = "model.py:Model"
input = ["NxSEQx4", "N=1", "SEQ=16"]
[[models.budgets]]
name = "growth"
max-degree = {}
"""


def macs(batch, height, width):
    """Of the tests' network: a 3×3 convolution of 3 to 8 channels without padding, then 10 classes."""
    return batch * (8 * 3 * 3 * 3 * (height - 2) * (width - 2) + 10 * 8)


def test_names_are_those_of_the_formulas_and_of_the_sizes(here):
    here.net()
    told = here.json("model.py", "--input", "BATCHx3xHxW", "--at", "H=16,32,W=24")
    assert [item["name"] for item in told["scaling"]["dimensions"]] == ["BATCH", "H", "W"]
    assert [(each["sizes"], each["total"]["macs"]) for each in told["sizes"]] == [
        ({"H": 16, "W": 24}, macs(1, 16, 24)),
        ({"H": 32, "W": 24}, macs(1, 32, 24)),
    ]


def test_a_budget_holds_at_named_sizes(here):
    here.net()
    config = (
        '[[models]]\ntarget = "model.py"\ninput = ["Nx3xSxS", "S=32"]\n[[models.budgets]]\nat = "S={}"\nmacs = {}\n'
    )
    here.write("analyze.toml", config.format(48, macs(1, 48, 48)))
    assert here.analyze().status == 0
    here.write("analyze.toml", config.format(50, macs(1, 48, 48)))
    assert here.analyze().status == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--input", "Nx3xHxW", "--at", "height=64"], "height=64: no input has a size of that name; those that can"),
        (
            ["--input", "Nx3x32x32", "--at", "H=64"],
            "H=64: no input has a size of that name; those that can change are N",
        ),
        (["--input", "Nx3xSxS", "--at", "S=20000"], "S=20000 is outside the range of sizes that were checked; the"),
        (
            ["--input", "NxCxHxW", "--at", "C=4"],
            "C=4: the model fixes it at 3, for at C=6 the forward fails: model.py:12: layer `conv`, Conv2d",
        ),
        (["--input", "Nx3xHxWxT"], "--input Nx3xHxWxT: no size of H is known to begin with; give one as well, such as"),
        (["--symbolic", "--at", "depth=3"], "depth=3: no input has a size of that name; those that can change are"),
    ],
)
def test_sizes_without_a_formula(here, arguments, said):
    here.net()
    assert here.refused("model.py", *arguments).startswith(said)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        (
            "Positions",
            ["2x8x4", "--symbolic"],
            "costs as formulas: the model fixes every size: batch stays 2: at batch=",
        ),
        (
            "Steps",
            ["2x3x4", "--at", "sequence=5"],
            "sequence=5: the model fixes it at 3, for at sequence=9 the forward runs aten.addmm in layer `layer` "
            "(model.py:12) where it runs aten.stack (model.py:9)",
        ),
        (
            "Long",
            ["2x10x4", "--at", "sequence=200"],
            "sequence=200 is outside the range of sizes that were checked; the formulas hold from 1 to 64, for at "
            "batch=3, sequence=128, length=5 the forward runs aten.exp (model.py:15) where it runs nothing more",
        ),
    ],
)
def test_forwards_that_change_with_a_size(here, name, arguments, said):
    here.write("model.py", TRANSFORMER)
    told = here.refused(f"model.py:{name}", "--input", *arguments)
    assert told.startswith(said)


@pytest.mark.parametrize("limit", ["{ SEQ = 1 }", '"base"'])
def test_growth_that_becomes_quadratic_fails_with_its_layer(here, limit):
    here.write("analyze.toml", GROWTH.format(limit))
    here.write("model.py", MIXER)
    assert here.analyze("-o", "base.json").status == 0
    here.write("model.py", ATTENTION)
    outputs = ["-o", "github:-", "-o", "junit:junit.xml", "-o", "report.md", "-o", "comment:comment.md"]
    done = here.analyze("--against", "base.json", *outputs)
    said = "MAC growth budget with SEQ exceeded: quadratic in layer mixer, at most linear"
    assert done.status == 1
    assert said in done.out
    assert "file=model.py,line=" in done.out
    texts = {name: text.decode() for name, text in here.contents().items() if text}
    assert f'<failure message="{said}">' in texts["junit.xml"]
    assert said in texts["comment.md"]
    assert "Growth of MACs with SEQ" in texts["report.md"]
    here.write("base.json", texts["base.json"])
    here.write("model.py", MIXER)
    assert here.analyze("--against", "base.json").status == 0


def test_growth_that_is_not_known_is_no_pass(here):
    here.write("analyze.toml", GROWTH.format("{ SEQ = 1 }"))
    here.write("model.py", MIXER.replace("return self.layer(x)", "return torch.stack([self.layer(y) for y in x[0]])"))
    told = here.refused()
    assert told.startswith(
        "budget 'growth': how MACs grow with SEQ cannot be judged: the model fixes it at 16, for at "
    )
