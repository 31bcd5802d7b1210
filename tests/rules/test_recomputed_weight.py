"""A layer that computes a constant weight gives way to the plain one, whatever else is left as it is."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from analyzer import analyze
from analyzer.rules import recomputed_weight
from analyzer.values.convolution import Convolution
from analyzer.values.facts import ModelFacts, RecomputedLayer
from analyzer.values.graph import Op

PLAIN = Convolution(3, 8, (3,), (1,), (0,), (1,), bias=True, input_size=(9,))


def found(module, *shape):
    advice = analyze(module.eval(), torch.zeros(shape)).advice
    return [(item.path, item.current, item.proposed) for item in advice if item.rule == recomputed_weight.CODE]


def test_nothing_to_say_of_plain_layers():
    assert found(nn.Sequential(nn.Conv1d(3, 8, 3), nn.ReLU(), nn.Conv1d(8, 4, 1)), 1, 3, 9) == []
    assert list(recomputed_weight.propose_all(ModelFacts(1, 1))) == []


def test_the_plain_layer_is_proposed():
    runs = tuple(Op(name, {}, ()) for name in ("aten.mul.Tensor", "aten.convolution.default"))
    layer = RecomputedLayer("a", "Conv1d", 88, 504, PLAIN, 504, runs)
    ((path, proposal),) = recomputed_weight.propose_all(ModelFacts(1, 1, recomputed=(layer,)))
    assert (path, proposal.replacements) == ("a", (("a", (PLAIN,)),))


def test_a_weight_that_nothing_computes_is_no_news():
    """The class has a forward of its own, as timm's Linear has, and multiplies by the weight as it is."""

    class Own(nn.Linear):
        def forward(self, x):
            return nn.functional.linear(x, self.weight, self.bias)

    assert found(nn.Sequential(nn.Linear(8, 16), Own(16, 4)), 1, 8) == []


def test_as_it_is_read_from_a_model():
    model = nn.Sequential(weight_norm(nn.Conv1d(3, 8, 3)), nn.ReLU(), nn.Flatten(), weight_norm(nn.Linear(56, 4)))
    assert sorted(found(model, 1, 3, 9)) == [
        ("0", "Conv1d(...)", "nn.Conv1d(3, 8, 3)"),
        ("3", "Linear(...)", "nn.Linear(56, 4)"),
    ]


@pytest.mark.parametrize("name", ["nf_resnet26", "resnetv2_50x1_bit"])
def test_standardized_weights_of_timm(name):
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        model = timm.create_model(name)
    convolutions = [path for path, layer in model.named_modules() if "Std" in type(layer).__name__]
    assert sorted(path for path, _, _ in found(model, 1, 3, 64, 64)) == sorted(convolutions)
