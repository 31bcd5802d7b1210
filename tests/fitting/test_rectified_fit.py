"""Before a ReLU the fit to what it lets through leaves less of that out than plain least squares."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

import analyzer
from analyzer.fitting.layer_choices import LayerChoice
from analyzer.fitting.moments import Moments, patches
from analyzer.fitting.rectified_fit import fitted_before_relu
from analyzer.fitting.replacing import Replaceable
from analyzer.values.convolution import Convolution

NORMS: dict[str, Callable[[], nn.BatchNorm2d | None]] = {
    "no normalization": lambda: None,
    "a normalization": lambda: normalization(torch.rand(8) + 0.5),
    "gains below and at nothing": lambda: normalization(torch.tensor([1.0, -1, 0, 2, -2, 1, 0, 1])),
}


def normalization(gain: torch.Tensor) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(8)
    with torch.no_grad():
        norm.weight.copy_(gain)
        norm.bias.uniform_(-0.5, 0.5)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.uniform_(-0.2, 0.2)
    norm.running_var.uniform_(0.2, 0.6)
    return norm.eval()


def low_rank(layer: nn.Conv2d, rank: int) -> LayerChoice:
    ones, none = (1, 1), (0, 0)
    first = Convolution(layer.in_channels, rank, layer.kernel_size, layer.stride, (1, 1), layer.dilation)  # type: ignore[arg-type]
    units = first, Convolution(rank, layer.out_channels, ones, ones, none, ones, bias=layer.bias is not None)
    return LayerChoice("conv", "low rank of outputs", rank, units, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
@pytest.mark.parametrize("dilation", [1, 2])
def test_less_is_left_out_of_what_the_relu_lets_through(
    norm: Callable[[], nn.BatchNorm2d | None], dilation: int
) -> None:
    torch.manual_seed(0)
    after, layer = norm(), nn.Conv2d(6, 8, 3, stride=2, padding=1, dilation=dilation, bias=True)
    value = torch.randn(32, 6, 11, 11) + 0.3
    with torch.no_grad():
        wanted = layer(value)
    x, y = patches(layer, value, wanted, 10**6)
    moments = Moments(x.shape[1], y.shape[1])
    moments.add(x, y)
    choice = low_rank(layer, 3)
    own = Replaceable.of(layer, after, moments)
    plain = own.fitted([choice])[choice]
    better = fitted_before_relu(own, choice, plain, [(x, y)])
    through = (lambda given: given.relu()) if after is None else (lambda given: after(given).relu())
    with torch.no_grad():
        left = [float((through(fit.layer(value)) - through(wanted)).square().sum()) for fit in (plain, better)]
    assert left[1] < 0.99 * left[0]


def test_what_something_else_reads_too_is_fitted_plainly() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.one(x)
            return self.two(x.relu()).sigmoid() + x.mean()

    torch.manual_seed(0)
    plan = analyzer.fit(Both().eval(), torch.randn(16, 3, 9, 9), macs=0.6)
    assert plan.choices
    assert plan.result.rectified == 0
