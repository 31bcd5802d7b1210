"""What torchinfo prints, by arithmetic and as it does."""

from typing import Any

import pytest
import torch
import torchvision
from peer_counters import asked
from torch import nn

from analyzer.loading import from_module
from analyzer.reconciliation.contributions import Unpredictable
from analyzer.reconciliation.torchinfo_layers import printed_by_torchinfo
from analyzer.tracing.calls import calls_of


def printed(module: nn.Module, *args: torch.Tensor) -> int:
    return printed_by_torchinfo(calls_of(from_module(module.eval(), args, {}), "meta", 0))[0]


def test_a_linear_layer_counts_once_an_image_whatever_the_tokens() -> None:
    assert printed(nn.Linear(4, 8), torch.rand(2, 5, 4)) == 2 * (4 * 8 + 8)
    assert printed(nn.Conv2d(3, 8, 3), torch.rand(2, 3, 8, 8)) == 2 * 36 * (8 * 27 + 8)


class Returns(nn.Module):
    """A layer without parameters that returns something."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value, self.linear = value, nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> Any:
        return self.linear(x) if self.value is None else self.value


def test_an_output_of_another_kind_is_refused() -> None:
    with pytest.raises(Unpredictable, match="a layer that returns a int"):
        printed(Returns(1), torch.rand(2, 4))
    assert printed(Returns(None), torch.rand(2, 4)) == 2 * 20


def test_pruned_weights_cannot_be_predicted() -> None:
    from torch.nn.utils import prune

    with pytest.raises(Unpredictable, match="masks"):
        printed(prune.random_unstructured(nn.Linear(4, 4), "weight", 0.5), torch.rand(2, 4))


MODELS = {
    "resnet18": (torchvision.models.resnet18, (2, 3, 64, 64)),
    "vit": (lambda: torchvision.models.VisionTransformer(32, 8, 1, 2, 32, 64), (2, 3, 32, 32)),
    "swin_t": (torchvision.models.swin_t, (1, 3, 64, 64)),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (2, 5, 16)),
    "lstm": (lambda: nn.LSTM(8, 16, 2, bidirectional=True), (5, 3, 8)),
    "parametrized": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), (2, 4)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (2, 4, 5, 5)),
    "unbatched": (lambda: nn.Conv1d(4, 6, 3), (4, 9)),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_torchinfo_prints(name: str) -> None:
    build, shape = MODELS[name]
    module, data = build().eval(), torch.rand(shape)
    assert printed(module, data) == asked("torchinfo", module, data)
