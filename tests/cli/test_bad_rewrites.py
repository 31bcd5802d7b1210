"""Advice that cannot be carried out: one sentence, exit 2, and not one file of several written."""

from pathlib import Path

import pytest
import torch

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = nn.Conv2d(3, 64, 3), nn.Conv2d(64, 64, 3), nn.Conv2d(64, 64, 3)
        TIE

    def forward(self, x):
        return self.two(self.one(self.stem(x)).relu())


example_inputs = torch.zeros(1, 3, 16, 16)
"""
TIED = "self.two.weight = self.one.weight"
APPLY = ("model.py", "--apply", "SEP101:one")


def write(here, tie="pass", name="model.py"):
    here.write(name, NET.replace("TIE", tie))


def test_an_unknown_rule(here):
    write(here)
    assert "there is no rule 'SEP9'" in here.refused("model.py", "--apply", "SEP9")
    assert "depthwise-separable" in here.refused("model.py", "--apply", "depthwise-seperable")


@pytest.mark.parametrize("request_", ["SEP101:nowhere*", "BNM301", "SEP101:stem"])
def test_a_request_that_matches_nothing(here, request_):
    write(here)
    assert f"--apply {request_} matches no advice" in here.refused("model.py", "--apply", request_)


@pytest.mark.parametrize("option", ["--emit", "--save"])
def test_a_file_that_is_there_already(here, option):
    write(here)
    here.write("there.py", "mine = 1\n")
    other = "--save" if option == "--emit" else "--emit"
    told = here.refused(*APPLY, option, "there.py", other, "new.py")
    assert told.startswith("there.py exists already")


def test_weights_that_another_layer_uses_are_never_advised_on(here):
    write(here, TIED)
    told = here.refused("model.py", "--apply", "SEP101", "--emit", "o.py")
    assert told == "--apply SEP101 matches no advice: SEP101 has nothing to propose for this model"


def test_a_stored_model_has_no_builder_to_import(here):
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1().state_dict(), "weights.pth")
    told = here.refused("weights.pth", "--apply", "SEP101", "--emit", "o.py")
    assert told.startswith("weights.pth has no builder that a Python file could import")


def test_a_place_that_hides_or_is_the_builder(here):
    write(here, name="models/model.py")
    target = ("models/model.py", "--apply", "SEP101:one")
    assert "would hide the module model" in here.refused(*target, "--emit", "model.py")
    assert "is the file that builds the model" in here.refused(*target, "--emit", "models/model.py", "--force")


def test_random_weights_are_not_carried_over(here):
    write(here)
    told = here.refused(*APPLY, "--emit", "o.py", "--save", "o.pth")
    assert told.startswith("model was built with random weights, so there is nothing to carry over; give --checkpoint")


def test_weights_that_the_file_itself_sets_are_carried_over(here):
    write(here, "torch.manual_seed(1); self.one.weight.data = torch.randn(64, 64, 3, 3); self.one.bias.data.zero_()")
    assert here.analyze(*APPLY, "--save", "o.pth", "--quiet").status == 0


def test_a_choice_that_there_is_not(here):
    write(here)
    told = here.refused("model.py", "--apply", "GRP101=5:one", "--emit", "o.py")
    assert "GRP101 has no choice '5' here; the nearest are 2, 4" in told


def test_each_layers_and_the_whole_models_error_are_told_on_the_terminal(here):
    write(here)
    done = here.analyze(
        "model.py", "--apply", "SEP101:one", "--apply", "SEP101=pointwise-first:two", "--save", "o.pth", "--force"
    )
    assert done.status == 0
    assert "2 changes applied; the whole model's output is off by " in done.out
    assert "SEP101 depthwise-separable at one: its output is off by " in done.out
    assert "SEP101 depthwise-separable at two: its output is off by " in done.out


def test_file_and_weights_that_fit_each_other(here):
    """What must be possible: the pair is analysed to the numbers of the rewritten model."""
    write(here)
    done = here.analyze(*APPLY, "--emit", "o.py", "--save", "o.pth", "--force", "--quiet")
    assert (done.status, done.err) == (0, "")
    before, after = here.json("model.py")["total"], here.json("o.py", "--checkpoint", "o.pth")["total"]
    assert before["params"] - after["params"] == 64 * 64 * 9 - (64 * 9 + 64 * 64)
    assert before["macs"] - after["macs"] == (64 * 64 * 9 - (64 * 9 + 64 * 64)) * 12 * 12


ASKING = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)

    def forward(self, x):
        factor = torch.tensor(1.0 if self.conv.bias is None else 3.0)
        return self.norm(self.conv(x)) * factor


def build_model():
    return Net().eval()


example_inputs = torch.zeros(1, 3, 16, 16)
"""


@pytest.mark.parametrize(
    "options", [("--save", "new.pth"), ("--emit", "new.py"), ("--save", "new.pth", "--emit", "new.py")]
)
def test_an_exact_change_that_alters_the_output_is_refused_with_the_layer_and_how_far(here, options):
    """The forward asks for a bias and puts the answer into a tensor: no operator shows it, running the model does."""
    here.write("model.py", ASKING)
    torch.manual_seed(0)
    told = here.refused("model.py", "--apply", "BNM302", *options, "--force")
    assert told.startswith("conv: the change would alter the model's output by 200.00%")
    assert "leave this layer out" in told
    assert not list(Path().glob("*new*"))
