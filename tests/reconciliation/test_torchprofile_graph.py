"""What torchprofile prints, by arithmetic and as it does."""

import warnings

import pytest
import torch
import torchvision
from peer_counters import asked
from torch import nn

from analyzer.reconciliation.contributions import Unpredictable
from analyzer.reconciliation.torchprofile_graph import printed_by_torchprofile


def printed(module: nn.Module, *args: torch.Tensor) -> int:
    with warnings.catch_warnings(action="ignore"):
        return printed_by_torchprofile(module.eval(), args)[0]


def test_a_normalization_counts_1_an_output_and_bias_nothing() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(2))
    assert printed(model, torch.rand(2, 3, 8, 8)) == 2 * 8 * 36 * (27 + 1) + 2 * 8 * 4


class Sizes(nn.Module):
    """Two sizes multiplied, and a product by each of three ways."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(x.shape[0] * x.shape[1], 4)  # (6, 4)
        return torch.mm(rows, rows.T) + rows @ rows.T + torch.einsum("ik,jk->ij", rows, rows)


def test_sizes_are_multiplied_and_mm_is_missed() -> None:
    assert printed(Sizes(), torch.rand(2, 3, 4)) == 1 + 2 * 6 * 4 * 6


def test_attention_with_fewer_heads_of_keys_cannot_be_predicted() -> None:
    class Grouped(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            few = x[:, :2]
            return nn.functional.scaled_dot_product_attention(x, few, few, enable_gqa=True)

    with pytest.raises(Unpredictable, match="fewer heads"):
        printed(Grouped(), torch.rand(1, 4, 3, 8))


MODELS = {
    "sizes": (Sizes, (2, 3, 4)),
    "resnet18": (torchvision.models.resnet18, (2, 3, 64, 64)),
    "mobilenet_v3_small": (torchvision.models.mobilenet_v3_small, (1, 3, 64, 64)),
    "vit": (lambda: torchvision.models.VisionTransformer(32, 8, 1, 2, 32, 64), (2, 3, 32, 32)),
    "lstm": (lambda: nn.LSTM(8, 16, 2, bidirectional=True), (5, 3, 8)),
    "gru": (lambda: nn.GRU(8, 16), (5, 3, 8)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2), (2, 4, 5, 5)),
    "upsampling": (lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.LeakyReLU()), (2, 3, 4, 4)),
    "same padding": (lambda: nn.Conv2d(4, 6, 3, padding="same"), (2, 4, 9, 9)),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_torchprofile_prints(name: str) -> None:
    build, shape = MODELS[name]
    module, data = build().eval(), torch.rand(shape)
    assert printed(module, data) == asked("torchprofile", module, data)
