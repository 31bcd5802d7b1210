"""What thop prints, by arithmetic and as it does."""

import pytest
import torch
import torchvision
from peer_counters import asked
from torch import nn

from analyzer.loading import from_module
from analyzer.reconciliation.contributions import Unpredictable
from analyzer.reconciliation.thop_modules import printed_by_thop
from analyzer.tracing.calls import calls_of


def printed(module: nn.Module, *args: torch.Tensor) -> int:
    return printed_by_thop(calls_of(from_module(module.eval(), args, {}), "meta", 0))[0]


def test_no_bias_and_four_flops_an_element_of_a_normalization() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
    out = 2 * 8 * 6 * 6
    # Each window of 3·3 is added up, and divided once.
    assert printed(model, torch.rand(2, 3, 8, 8)) == out * 27 + 4 * out + (9 + 1) * 2 * 8 * 4


def test_a_transposed_convolution_is_counted_by_its_output() -> None:
    assert printed(nn.ConvTranspose2d(4, 6, 3, stride=2), torch.rand(1, 4, 5, 5)) == 6 * 11 * 11 * 4 * 9


class Shared(nn.Module):
    """One layer below two modules: hooked twice, and added twice."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.Linear(4, 4)
        self.one, self.two = nn.Sequential(layer), nn.Sequential(layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(x))


def test_a_layer_with_two_parents_counts_four_times() -> None:
    assert printed(Shared(), torch.rand(3, 4)) == 2 * (2 * 2) * 3 * 4 * 4


MODELS = {
    "shared": (Shared, (3, 4)),
    "resnet18": (torchvision.models.resnet18, (2, 3, 64, 64)),
    "mobilenet_v3_small": (torchvision.models.mobilenet_v3_small, (1, 3, 64, 64)),
    "vit": (lambda: torchvision.models.VisionTransformer(32, 8, 1, 2, 32, 64), (2, 3, 32, 32)),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (2, 5, 16)),
    "lstm": (lambda: nn.LSTM(8, 16, 2, bidirectional=True), (5, 3, 8)),
    "gru": (lambda: nn.GRU(8, 16, 2, bias=False, batch_first=True), (5, 3, 8)),
    "rnn": (lambda: nn.RNN(8, 16), (5, 3, 8)),
    "cell": (lambda: nn.LSTMCell(8, 16), (3, 8)),
    "uneven windows": (lambda: nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Softmax(1), nn.PReLU()), (2, 3, 8, 7)),
    "upsampling": (lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="bicubic"), nn.AvgPool2d(2)), (2, 3, 4, 4)),
    "parametrized": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), (2, 4)),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_thop_prints(name: str) -> None:
    build, shape = MODELS[name]
    module, data = build().eval(), torch.rand(shape)
    assert printed(module, data) == asked("thop", module, data)


def test_arguments_by_name_alone_cannot_be_predicted() -> None:
    class Named(nn.Linear):
        def forward(self, *, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)

    calls = calls_of(from_module(Named(4, 4).eval(), (), {"x": torch.rand(2, 4)}), "meta", 0)
    with pytest.raises(Unpredictable, match="by position only"):
        printed_by_thop(calls)
