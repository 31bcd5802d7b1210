"""A weight that is computed at every call is read where no input changes it, and left alone where one may."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

import analyzer
from analyzer.rewriting import constant_weights as constant_weights_module
from analyzer.rewriting.constant_weights import always_reads_the_same, answers_kept, plain_form


class Scaled(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.tanh() * 0.5


class Drawing(nn.Conv2d):
    """Another weight at each call."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.weight * torch.rand(()))


class Following(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight * x.mean(), self.bias)


class Twice(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + super().forward(-x)


def parametrized(layer: nn.Module) -> nn.Module:
    nn.utils.parametrize.register_parametrization(layer, "weight", Scaled())
    return layer


def pruned(layer: nn.Module) -> nn.Module:
    return prune.random_unstructured(layer, "weight", amount=0.5)


def conv() -> nn.Module:
    return nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)


LAYERS: list[Callable[[], nn.Module]] = [
    conv,
    lambda: nn.Conv1d(4, 6, 3, dilation=2, bias=False),
    lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1),
    lambda: nn.Linear(4, 6),
]
WAYS = [
    parametrizations.weight_norm,
    parametrizations.spectral_norm,
    parametrizations.orthogonal,
    parametrized,
    pruned,
    weight_norm,
    spectral_norm,
]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("make", LAYERS, ids=["conv", "conv1d", "transposed", "linear"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.__module__}.{way.__name__}")
def test_a_plain_layer_takes_its_place_to_rounding(make, way):
    torch.manual_seed(0)
    model = nn.Sequential(way(make()), nn.ReLU()).eval()
    x = torch.randn(2, 4) if isinstance(model[0], nn.Linear) else torch.randn(2, 4, *(7,) * (model[0].weight.dim() - 2))
    analysis = analyzer.analyze(model, x)
    (item,) = (item for item in analysis.advice if item.rule == "WGT301")
    changed = analyzer.rewrite(model, [item], x)
    plain = type(make())
    assert type(changed[0]) is plain
    assert (changed(x) - model(x)).norm() <= 1e-6 * model(x).norm()
    after = analyzer.analyze(changed, x).total
    assert item.saved.params == analysis.total.params - after.params
    assert item.saved.macs == analysis.total.macs - after.macs


@pytest.mark.parametrize(
    "layer",
    [Drawing(4, 4, 3), Following(4, 4), Twice(4, 4, 3), nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")],
    ids=["drawn anew", "follows its input", "two convolutions", "pads by itself"],
)
def test_what_is_no_constant_is_left_alone(layer):
    assert not always_reads_the_same(layer)


def test_the_weight_is_what_the_layer_reads():
    layer = parametrizations.weight_norm(nn.Conv2d(3, 5, 3))
    plain = plain_form(layer)
    assert type(plain) is nn.Conv2d
    torch.testing.assert_close(plain.weight.detach(), layer.weight.detach().double())
    torch.testing.assert_close(plain.bias.detach(), layer.bias.detach().double())


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("make", LAYERS[:3], ids=["conv", "conv1d", "transposed"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.__module__}.{way.__name__}")
def test_a_normalization_is_folded_in_the_step_that_stores_the_weight(make, way):
    torch.manual_seed(0)
    layer = way(make())
    dimension = layer.weight.dim() - 2
    norm = getattr(nn, f"BatchNorm{dimension}d")(6)
    for tensor in (norm.running_mean, norm.weight.data, norm.bias.data):
        tensor.normal_()
    model = nn.Sequential(layer, norm, nn.ReLU()).eval()
    x = torch.randn(2, 4, *(7,) * dimension)
    analysis = analyzer.analyze(model, x)
    (item,) = (item for item in analysis.advice if item.rule == "BNM302")
    assert item.time_ratio is not None
    changed = analyzer.rewrite(model, [item], x)
    assert [type(child) for child in changed] == [type(make()), nn.Identity, nn.ReLU]
    assert (changed(x) - model(x)).norm() <= 1e-5 * model(x).norm()
    after = analyzer.analyze(changed, x).total
    assert item.saved.params == analysis.total.params - after.params
    assert item.saved.macs == analysis.total.macs - after.macs


@pytest.mark.parametrize("way", WAYS[:1], ids=["weight norm"])
def test_storing_a_weight_has_an_estimated_time(way):
    model = nn.Sequential(way(nn.Conv1d(64, 64, 3)), nn.ReLU()).eval()
    (item,) = (item for item in analyzer.analyze(model, torch.zeros(1, 64, 9)).advice if item.rule == "WGT301")
    assert item.time_ratio < 1.0


def test_a_layer_is_run_once_while_nobody_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, asked = parametrizations.weight_norm(nn.Conv2d(4, 4, 3)), []
    original = constant_weights_module._reads_the_same
    monkeypatch.setattr(constant_weights_module, "_reads_the_same", lambda one: asked.append(one) or original(one))
    with answers_kept():
        assert all(always_reads_the_same(layer) for _ in range(3))
    assert asked == [layer]
    layer.register_forward_hook(lambda *_: None)
    assert not always_reads_the_same(layer)
