"""What ptflops' engine of hooks and replaced functions prints, by arithmetic and as it does."""

import pytest
import torch
import torchvision
from peer_counters import asked
from torch import nn

from analyzer.loading import from_module
from analyzer.reconciliation.contributions import Unpredictable
from analyzer.reconciliation.ptflops_modules import printed_by_ptflops
from analyzer.tracing.calls import calls_of

IMAGE = (2, 3, 8, 8)


def printed(module: nn.Module, *args: torch.Tensor) -> int:
    return printed_by_ptflops(calls_of(from_module(module.eval(), args, {}), "meta", 0))[0]


def test_layers_are_divided_by_the_batch_and_functions_are_not() -> None:
    """8·3·9 products and 8 biases at 6·6 positions of each image; the activation's layer, and its function for both."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    assert printed(model, torch.rand(IMAGE)) == 36 * (8 * 27 + 8) + 36 * 8 + 2 * 36 * 8


class Functions(nn.Module):
    """A convolution, a linear layer and a product without a layer are missed; a named product is not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = nn.functional.conv2d(x, self.weight).flatten(2)  # (2, 4, 64)
        scores = rows @ rows.transpose(1, 2)  # (2, 4, 4)
        return torch.matmul(nn.functional.softmax(scores, -1), rows).mul(2)


def test_what_functions_count() -> None:
    assert printed(Functions(), torch.rand(IMAGE)) == 2 * 4 * 4 + 2 * 4 * 4 * 64 + 2 * 4 * 64


class Resized(nn.Module):
    """Each of several scale factors is rounded down."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(x, scale_factor=(2.0, 1.5))


def test_several_scale_factors() -> None:
    assert printed(Resized(), torch.rand(IMAGE)) == 2 * 3 * 64 * 2 * 1


MODELS = {
    "resized": (Resized, IMAGE),
    "functions": (Functions, (2, 3, 8, 8)),
    "resnet18": (torchvision.models.resnet18, (2, 3, 64, 64)),
    "mobilenet_v3_small": (torchvision.models.mobilenet_v3_small, (1, 3, 64, 64)),
    "swin_t": (torchvision.models.swin_t, (1, 3, 64, 64)),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (2, 5, 16)),
    "lstm": (lambda: nn.LSTM(8, 16, 2, bidirectional=True), (5, 3, 8)),
    "gru": (lambda: nn.GRU(8, 16, bias=False), (5, 3, 8)),
    "upsampling": (lambda: nn.Sequential(nn.Upsample(scale_factor=1.5), nn.AdaptiveAvgPool2d(4)), (2, 3, 8, 8)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (2, 4, 5, 5)),
    "parametrized": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), (2, 4)),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_ptflops_prints(name: str) -> None:
    build, shape = MODELS[name]
    module, data = build().eval(), torch.rand(shape)
    assert printed(module, data) == asked("ptflops (pytorch)", module, data)


def test_a_script_cannot_be_predicted() -> None:
    with pytest.raises(Unpredictable, match="TorchScript"):
        printed(nn.Sequential(torch.jit.script(nn.Linear(4, 4))), torch.rand(2, 4))
