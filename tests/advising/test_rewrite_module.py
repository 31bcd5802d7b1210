"""`analyzer.rewrite` chooses as the command does: neighbours respected, channels reordered, choices taken."""

import warnings

import pytest
import torch
from torch import nn
from torchvision.models import vgg11

import analyzer
from analyzer import Problem
from analyzer.values.results import Analysis

X = torch.zeros(1, 3, 32, 32)


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), nn.ReLU()]
    for _ in range(4):
        layers += [nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(64, 10, 1)).eval()


def grouped_layers(module: nn.Module) -> list[str]:
    return [path for path, layer in module.named_modules() if isinstance(layer, nn.Conv2d) and layer.groups > 1]


def isolated(module: nn.Module) -> list[str]:
    return [advice.path for advice in analyzer.analyze(module, X).advice if advice.rule == "GRP201"]


def vgg() -> nn.Sequential:
    """The convolutions of VGG-11; its linear layers, whose weights take long to ask, have no groups."""
    return nn.Sequential(vgg11().features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)).eval()


@pytest.fixture(scope="module", params=[chain, vgg])
def grouped(request):
    """A model, and the advice to group its layers."""
    module = request.param()
    return module, [item for item in analyzer.analyze(module, X).advice if item.rule == "GRP101"]


@pytest.mark.parametrize("args", [None, X], ids=["advice alone", "with a forward"])
def test_no_groups_are_isolated_whoever_asks(grouped, args):
    module, advice = grouped
    with pytest.warns(UserWarning, match=r"left out, as .* a neighbour would not be sound beside it: GRP101 at "):
        changed = analyzer.rewrite(module, advice, args)
    assert 0 < len(grouped_layers(changed)) < len(advice)
    assert isolated(changed) == []
    assert grouped_layers(module) == []


def test_advice_that_went_through_json_respects_neighbours_too():
    module = chain()
    analysis = Analysis.from_json(analyzer.analyze(module, X).to_json())
    with pytest.warns(UserWarning, match="left out"):
        changed = analyzer.rewrite(module, [item for item in analysis.advice if item.rule == "GRP101"])
    assert isolated(changed) == []


def test_the_plan_as_it_was_told_needs_no_warning():
    module = chain()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        changed = analyzer.rewrite(module, ["SEP101=pointwise-first:2"], X)
    assert isinstance(changed[2], nn.Sequential)
    assert changed[2][0].kernel_size == (1, 1)


def test_requests_are_those_of_the_command():
    changed = analyzer.rewrite(chain(), ["GRP101=2:4", "LOW101=70%:8"], X)
    assert changed[4].groups == 2
    assert isinstance(changed[8], nn.Sequential)
    with pytest.raises(Problem, match="the nearest are 2, 4"):
        analyzer.rewrite(chain(), ["GRP101=3:4"], X)


def test_a_request_without_a_forward_is_refused():
    with pytest.raises(Problem, match="pass its arguments to rewrite as well"):
        analyzer.rewrite(chain(), ["GRP101=2:4"])


def test_calibration_inputs_set_the_statistics():
    module = nn.Sequential(nn.Conv2d(3, 64, 3), nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64), nn.Conv2d(64, 4, 1)).eval()
    changed = analyzer.rewrite(module, ["SEP101:1"], X, inputs=torch.randn(4, 3, 32, 32))
    assert not torch.equal(changed[2].running_mean, module[2].running_mean)
    assert torch.equal(module[2].running_mean, torch.zeros(64))


STORED: dict[object, torch.Tensor] = {}


class Standardized(nn.Conv2d):
    """A weight that is the same at every call, and a table outside of the layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        STORED[x.dtype] = x + torch.rand(1, dtype=x.dtype)
        return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)


@pytest.mark.usefixtures("alone")
def test_what_layers_store_elsewhere_is_as_before():
    model, x = nn.Sequential(Standardized(8, 8, 3, padding=1), nn.ReLU()).eval(), torch.randn(1, 8, 8, 8)
    drawn = torch.get_rng_state()
    result = analyzer.rewrite(model, ["WGT301"], (x,))
    assert (STORED, type(result[0])) == ({}, nn.Conv2d)
    assert torch.equal(torch.get_rng_state(), drawn)
    torch.testing.assert_close(result(x), model(x))


@pytest.mark.parametrize("requests", [["LOW101", "BNM302"], ["BNM302", "LOW101"]])
def test_exact_changes_come_first_and_what_they_exclude_is_named(requests):
    model = nn.Sequential(nn.Conv2d(8, 64, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 64, 3)).eval()
    with pytest.warns(UserWarning, match=r"left out, as its layer is changed already .*: LOW101 at 0$"):
        changed = analyzer.rewrite(model, requests, torch.zeros(1, 8, 32, 32))
    assert isinstance(changed[1], nn.Identity)
    assert isinstance(changed[0], nn.Conv2d)
    assert isinstance(changed[3], nn.Sequential)
