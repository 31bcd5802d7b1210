"""Lazy layers are counted by the forward that the user's first call is, with the shapes that it gives them."""

from typing import Any

import pytest
import torch
from torch import nn

from analyzer import analyze

LAZY: dict[str, tuple[nn.Module, tuple[int, ...], int, int]] = {
    "linear": (nn.LazyLinear(5), (2, 8), 8 * 5 + 5, 2 * 8 * 5),
    "convolution": (nn.LazyConv2d(4, 3), (1, 3, 8, 8), 4 * 3 * 9 + 4, 4 * 3 * 9 * 6 * 6),
    "with a norm": (
        nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2)),
        (1, 3, 8, 8),
        (4 * 3 * 9 + 4) + 2 * 4 + (4 * 36 * 2 + 2),
        4 * 3 * 9 * 36 + 4 * 36 * 2,
    ),
}


@pytest.mark.parametrize(("model", "shape", "params", "macs"), LAZY.values(), ids=LAZY.keys())
def test_lazy_layers_are_counted_and_stay_lazy(model: Any, shape: Any, params: int, macs: int) -> None:
    kinds = [type(layer) for layer in model.modules()]
    total = analyze(model, torch.randn(shape)).total
    assert (total.params, total.macs) == (params, macs)
    assert [type(layer) for layer in model.modules()] == kinds
    assert all(nn.parameter.is_lazy(tensor) for tensor in model.parameters())


def test_the_first_forward_is_counted() -> None:
    class Once(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lazy, self.first_time = nn.LazyLinear(8), nn.Linear(8, 8)
            self.calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            x = self.lazy(x)
            return self.first_time(x) if self.calls == 1 else x

    model = Once()
    analysis = analyze(model, torch.randn(2, 8))
    assert analysis.total.macs == 2 * 2 * 8 * 8
    assert [(layer.path, layer.calls, layer.kind) for layer in analysis.layers] == [
        ("", 1, "Once"),
        ("lazy", 1, "Linear"),
        ("first_time", 1, "Linear"),
    ]
    assert model.calls == 0


def test_a_lazy_layer_under_two_names_is_one() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = self.b = nn.LazyLinear(8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(x))

    total = analyze(Shared(), torch.randn(2, 8)).total
    assert (total.params, total.macs) == (8 * 8 + 8, 2 * 2 * 8 * 8)
