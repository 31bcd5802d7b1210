"""How torch's own layers were built, read from their attributes; what users wrote is not asked."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from analyzer.tracing.layer_settings import arguments_of, settings_of


class Mine(nn.Conv2d):
    """Inherits a layer of torch's."""


class Loud(nn.Module):
    """Must not be asked anything."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 3

    def extra_repr(self) -> str:
        raise ValueError("not ours to call")


class Own(nn.Linear):
    """Inherits a layer, and says nothing that could be relied on."""

    def extra_repr(self) -> str:
        raise ValueError("not ours to call")

    @property
    def groups(self) -> int:
        raise RuntimeError("not ours to run")


def test_settings_of_torchs_own_layers() -> None:
    assert settings_of(nn.Conv2d(3, 8, 3, 2), "Conv2d") == "Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2))"
    assert settings_of(Mine(3, 8, 3), "Mine") == "Mine(3, 8, kernel_size=(3, 3), stride=(1, 1))"
    assert settings_of(nn.Sequential(), "Sequential") == ""
    assert settings_of(Loud(), "Loud") == ""


@pytest.mark.parametrize("kind", [nn.Conv2d, Mine])
def test_arguments_of_a_convolution(kind: type[nn.Conv2d]) -> None:
    assert arguments_of(kind(4, 8, (3, 5), stride=2, padding=1, groups=4, bias=False)) == {
        "in_channels": 4,
        "out_channels": 8,
        "kernel_size": (3, 5),
        "stride": (2, 2),
        "padding": (1, 1),
        "dilation": (1, 1),
        "groups": 4,
        "bias": False,
        "padding_mode": "zeros",
    }


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Linear(3, 4), {"in_features": 3, "out_features": 4, "bias": True}),
        (Own(3, 4, bias=False), {"in_features": 3, "out_features": 4, "bias": False}),
        (parametrizations.weight_norm(nn.Linear(3, 4)), {"in_features": 3, "out_features": 4, "bias": True}),
        (nn.Softmax(dim=1), {"dim": 1}),
        (nn.Hardtanh(-torch.inf, 1.0), {"min_val": "-inf", "max_val": 1.0, "inplace": False}),
        (nn.ReLU(), {"inplace": False}),
        (nn.Sequential(nn.ReLU()), {}),
        (nn.ModuleList([nn.ReLU()]), {}),
        (nn.Identity(3), {}),
        (Loud(), {}),
    ],
)
def test_arguments_of_other_modules(layer: nn.Module, expected: dict[str, Any]) -> None:
    assert arguments_of(layer) == expected


def test_arguments_where_the_constructor_names_none() -> None:
    found = arguments_of(nn.LSTM(3, 4, num_layers=2, bidirectional=True))
    assert {name: found[name] for name in ("input_size", "hidden_size", "num_layers", "bidirectional", "bias")} == {
        "input_size": 3,
        "hidden_size": 4,
        "num_layers": 2,
        "bidirectional": True,
        "bias": True,
    }


def test_arguments_that_no_repr_tells() -> None:
    assert arguments_of(nn.MultiheadAttention(8, 4))["num_heads"] == 4
