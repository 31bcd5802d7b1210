"""A forward that names an accelerator is followed where there is none."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from analyzer import analyze
from analyzer.tracing.device_redirect import Elsewhere, is_for_lack_of_a_device

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")

FORWARDS: list[Callable[[nn.Module, torch.Tensor], Any]] = [
    lambda m, x: m.linear(x.to("cuda")),
    lambda m, x: m.linear(x.cuda()),
    lambda m, x: m.linear(x.to(torch.device("cuda:0"))),
    lambda m, x: m.linear(x) + torch.zeros(4, device="cuda"),
    lambda m, x: m.linear(x.to(device="cuda", dtype=torch.float32)),
]


class Net(nn.Module):
    def __init__(self, function: Callable[[nn.Module, torch.Tensor], Any]) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


@pytest.mark.parametrize("function", FORWARDS)
def test_accelerators_are_followed(function: Callable[[nn.Module, torch.Tensor], Any]) -> None:
    analysis = analyze(Net(function), torch.empty(5, 6))
    assert (analysis.total.macs, analysis.tracing.mode) == (5 * 24, "meta")


def test_a_real_run_goes_on_on_the_cpu() -> None:
    analysis = analyze(Net(lambda m, x: m.linear(x.cuda()) if x.sum() > 0 else x), torch.ones(5, 6))
    assert (analysis.total.macs, analysis.tracing.mode) == (5 * 24, "real")


def test_other_devices_and_words_are_left_alone() -> None:
    with Elsewhere("meta"):
        assert torch.zeros(2, device="cpu").device.type == "cpu"
        assert torch.einsum("ij->i", torch.ones(2, 3)).tolist() == [3.0, 3.0]
        assert torch.zeros(2, device="cuda").device.type == "meta"


def test_other_errors_are_not_for_lack_of_a_device() -> None:
    assert is_for_lack_of_a_device(RuntimeError("Found no NVIDIA driver on your system."))
    assert is_for_lack_of_a_device(AssertionError("Torch not compiled with CUDA enabled"))
    assert not is_for_lack_of_a_device(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
