"""What ptflops' engine of operators prints, by arithmetic and as it does."""

import pytest
import torch
import torchvision
from peer_counters import asked
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from analyzer.loading import from_module
from analyzer.reconciliation.contributions import Unpredictable
from analyzer.reconciliation.ptflops_operators import printed_by_ptflops_aten
from analyzer.tracing import trace


def printed(module: nn.Module, *args: torch.Tensor) -> int:
    return printed_by_ptflops_aten(trace(from_module(module.eval(), args, {})))[0]


class Attention(nn.Module):
    """One head of 4; with a bias that is trained the plain kernel is taken, whose products are seen."""

    def __init__(self, biased: bool) -> None:
        super().__init__()
        self.proj = nn.Linear(4, 4)
        self.bias = nn.Parameter(torch.zeros(5, 5)) if biased else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.proj(x)[:, None]
        mask = None if self.bias is None else self.bias * 2
        return scaled_dot_product_attention(x, x, x, attn_mask=mask)


def test_fused_attention_is_missed_and_bias_is_counted() -> None:
    of_projection = 2 * 5 * (4 * 4 + 4)
    assert printed(Attention(biased=False), torch.rand(2, 5, 4)) == of_projection
    assert printed(Attention(biased=True), torch.rand(2, 5, 4)) == of_projection + 2 * 2 * 5 * 5 * 4


MODELS = {
    "fused": (lambda: Attention(biased=False), (2, 5, 4)),
    "with a trained bias": (lambda: Attention(biased=True), (2, 5, 4)),
    "resnet18": (torchvision.models.resnet18, (2, 3, 64, 64)),
    "swin_t": (torchvision.models.swin_t, (1, 3, 64, 64)),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (2, 5, 16)),
    "lstm": (lambda: nn.LSTM(8, 16, 2, bidirectional=True), (5, 3, 8)),
    "gru": (lambda: nn.GRU(8, 16, 2, bidirectional=True, batch_first=True), (5, 3, 8)),
    "rnn": (lambda: nn.RNN(8, 16, bias=False), (5, 3, 8)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (2, 4, 5, 5)),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_ptflops_prints(name: str) -> None:
    build, shape = MODELS[name]
    module, data = build().eval(), torch.rand(shape)
    assert printed(module, data) == asked("ptflops (aten)", module, data)


@pytest.mark.parametrize("layer", [nn.LSTM(4, 5, proj_size=3), nn.LSTM(4, 5, dtype=torch.float64)])
def test_another_lstm_cannot_be_predicted(layer: nn.Module) -> None:
    with pytest.raises(Unpredictable, match="LSTM"):
        printed(layer, torch.rand(3, 2, 4, dtype=layer.weight_ih_l0.dtype))
