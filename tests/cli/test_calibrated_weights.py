"""`--apply --save --calibrate`: the digits network stays right, and the terminal says how far it is off."""

import re

import pytest
import torch
from digits import Digits, trained

NET = """\
from torch import nn


def build_model():
    def block(inputs, outputs, stride=1):
        return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    layers = [*block(1, 16), *block(16, 32), *block(32, 32, 2), *block(32, 64)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
"""
DATA = """\
import torch


def batches():
    return torch.load("pictures.pt").split(64)
"""
APPLY = ("net.py", "--input", "1x1x8x8", "--checkpoint", "net.pth", "--apply", "SEP101:6", "--emit", "small.py")


@pytest.fixture(scope="module")
def digits():
    return Digits.load()


@pytest.fixture(scope="module")
def weights(digits):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield trained(digits).state_dict()
    torch.set_num_threads(threads)


@pytest.fixture
def folder(here, digits, weights):
    here.write("net.py", NET)
    here.write("data.py", DATA)
    torch.save(digits.images[:512], "pictures.pt")
    torch.save(weights, "net.pth")
    return here


def accuracy(digits, path):
    """Of the emitted model with the weights that were saved."""
    from analyzer.loading import load
    from analyzer.values.requests import ModelRequest

    model = load(ModelRequest("small.py")).materialize().eval()
    model.load_state_dict(torch.load(path))
    return digits.accuracy(model)


def test_statistics_estimated_anew_bring_the_digits_back(folder, digits):
    carried = folder.analyze(*APPLY, "--save", "carried.pth")
    anew = folder.analyze(*APPLY, "--save", "anew.pth", "--calibrate", "data.py:batches", "--force")
    assert (carried.status, anew.status) == (0, 0)
    assert accuracy(digits, "carried.pth") < 0.9 < 0.95 < accuracy(digits, "anew.pth")
    told = " ".join(anew.out.split())
    whole = re.search(r"whole model's output is off by ([\d.]+)% on calibration inputs, ([\d.]+)% with", told)
    assert float(whole[1]) > 1.5 * float(whole[2])
    assert re.search(r"SEP101 depthwise-separable at 6: its output is off by [\d.]+% on random input; within the", told)
    assert "inputs from `batches` of data.py, held out" in told
    assert "calibration" not in carried.out


def test_inputs_that_cannot_be_leave_nothing_behind(folder):
    torch.save(torch.rand(8, 3, 8, 8), "wrong.pt")
    told = folder.refused(*APPLY, "--save", "o.pth", "--calibrate", "wrong.pt")
    assert "refuses the calibration input 2×3×8×8" in told
    assert "no such file" in folder.refused(*APPLY, "--save", "o.pth", "--calibrate", "nowhere.pt")
