"""Weights that are no parameters of the model's are named beside a total without them."""

import pytest
import torch
from torch import nn

from analyzer import analyze

LINEAR = 8 * 8 + 8


def quantized(model: nn.Module) -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear, nn.LSTM, nn.GRUCell}, torch.qint8)


def statically_quantized() -> nn.Module:
    from torch.ao import quantization

    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 6 * 6, 5)]
    model = nn.Sequential(quantization.QuantStub(), *layers, quantization.DeQuantStub()).eval()
    model.qconfig = quantization.default_qconfig
    prepared = quantization.prepare(model)
    prepared(torch.randn(1, 3, 8, 8))
    return quantization.convert(prepared)


def sentences(model: nn.Module, *shape: int) -> tuple[int, tuple[str, ...]]:
    analysis = analyze(model, torch.randn(*shape))
    return analysis.total.params, analysis.model.assumptions


PACKED = "parameters in packed weights: {:,}, apart from the total"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_packed_weights_of_static_quantization() -> None:
    params = 8 * 3 * 3 * 3 + 8 + 8 * 6 * 6 * 5 + 5
    assert sentences(statically_quantized(), 1, 3, 8, 8) == (0, (PACKED.format(params),))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_packed_weights_of_dynamic_quantization() -> None:
    linear = quantized(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 8)))
    assert sentences(linear, 2, 8) == (8 + 8, (PACKED.format(2 * LINEAR),))
    shared = quantized(nn.Sequential(nn.Linear(8, 8)))
    assert sentences(nn.Sequential(shared, shared), 2, 8) == (0, (PACKED.format(LINEAR),))
    recurrent = quantized(nn.Sequential(nn.LSTM(8, 6)))
    assert sentences(recurrent, 4, 2, 8) == (0, (PACKED.format(4 * 6 * (8 + 6 + 2)),))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_of_frozen_torchscript() -> None:
    plain = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)).eval()
    scripted = torch.jit.script(plain)
    assert sentences(scripted, 2, 8) == (2 * LINEAR, ())
    said = f"weights that frozen TorchScript holds as constants: {2 * LINEAR}, apart from the total"
    assert sentences(torch.jit.freeze(scripted), 2, 8) == (0, (said,))


class Borrowing(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.own = nn.Linear(8, 8)
        self.layer = (layer,)
        self.call = lambda x: layer(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(self.call(self.own(x)))


def test_parameters_that_a_closure_reaches() -> None:
    foreign = f"parameters that the forward uses and the model does not hold: {LINEAR}, apart from the total"
    assert sentences(Borrowing(nn.Linear(8, 8)), 2, 8) == (LINEAR, (foreign,))


def test_who_has_none_is_told_nothing() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
            self.table = torch.randn(8)
            self.call = lambda x: self.layers(x)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.call(x) + self.table

    assert sentences(Plain(), 2, 8) == (LINEAR + 16, ())
