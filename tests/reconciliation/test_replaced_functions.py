"""What calflops and DeepSpeed's profiler print, by arithmetic and as they do."""

from typing import Any

import pytest
import torch
import torchvision
from peer_counters import asked
from torch import nn
from torch.nn import functional

from analyzer.loading import from_module
from analyzer.reconciliation.calflops_functions import printed_by_calflops
from analyzer.reconciliation.contributions import Unpredictable
from analyzer.reconciliation.deepspeed_functions import printed_by_deepspeed
from analyzer.tracing.calls import ForwardCalls, calls_of

COUNTERS = {"calflops": printed_by_calflops, "deepspeed": printed_by_deepspeed}


def calls(module: nn.Module, *args: Any) -> ForwardCalls:
    return calls_of(from_module(module.eval(), args, {}), "meta", 0)


class Products(nn.Module):
    """(2, 3, 4) times itself turned in three ways: named, as `@`, as bmm; then attention over it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        named, sign, batched = torch.matmul(x, x.mT), x @ x.mT, torch.bmm(x, x.mT)
        return functional.scaled_dot_product_attention(x, x, x) + (named + sign + batched) @ x


def test_which_products_are_seen() -> None:
    found = calls(Products(), torch.rand(2, 3, 4))
    product = 2 * 3 * 4 * 3
    assert printed_by_calflops(found)[0] == product
    assert printed_by_deepspeed(found)[0] == 4 * product + 2 * product


def test_a_transposed_convolution_is_divided_by_its_groups_twice() -> None:
    found = calls(nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), torch.rand(2, 4, 5, 5))
    assert printed_by_deepspeed(found)[0] == 2 * 25 * 9 * 4 * 3
    assert printed_by_calflops(found)[0] == 2 * 25 * 9 * 4 * (3 // 2)


class Refused(nn.Module):
    """A function with an argument that the counters' own does not take."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.adaptive_avg_pool2d(x, output_size=1)


class OfAList(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ij,jk->ik", [x, x.mT])


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize(("module", "shape"), [(Refused(), (1, 2, 4, 4)), (OfAList(), (3, 4))])
def test_what_ends_their_counting_cannot_be_predicted(counter: str, module: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(Unpredictable, match="it fails on"):
        COUNTERS[counter](calls(module, torch.rand(shape)))
    with pytest.raises((TypeError, AttributeError)):
        asked(counter, module, torch.rand(shape))


class Resized(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(x, scale_factor=[2.0, 1.5])


def test_several_scale_factors_end_calflops_alone() -> None:
    data = torch.rand(1, 2, 4, 4)
    with pytest.raises(Unpredictable, match="several scale factors"):
        printed_by_calflops(calls(Resized(), data))
    assert printed_by_deepspeed(calls(Resized(), data))[0] == asked("deepspeed", Resized(), data) == 0


@pytest.mark.parametrize("counter", COUNTERS)
def test_packed_sequences_end_their_counting(counter: str) -> None:
    with pytest.raises(Unpredictable, match="not given a tensor by position"):
        COUNTERS[counter](calls(nn.GRU(4, 5), nn.utils.rnn.pack_sequence([torch.rand(3, 4), torch.rand(2, 4)])))


def test_a_frozen_attention_layer_cannot_be_predicted() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).requires_grad_(False)
    with pytest.raises(Unpredictable, match="fused path"):
        printed_by_calflops(calls(layer, torch.rand(2, 3, 8)))


MODELS = {
    "products": (Products, (2, 3, 4)),
    "resnet18": (torchvision.models.resnet18, (2, 3, 64, 64)),
    "mobilenet_v3_small": (torchvision.models.mobilenet_v3_small, (1, 3, 64, 64)),
    "swin_t": (torchvision.models.swin_t, (1, 3, 64, 64)),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (2, 5, 16)),
    "lstm": (lambda: nn.Sequential(nn.LSTM(8, 16)), (5, 3, 8)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (2, 4, 5, 5)),
    "same padding": (lambda: nn.Conv2d(4, 6, 4, padding="same", dilation=2), (2, 4, 9, 9)),
}


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_they_print(counter: str, name: str) -> None:
    build, shape = MODELS[name]
    module, data = build().eval(), torch.rand(shape)
    assert COUNTERS[counter](calls(module, data))[0] == asked(counter, module, data)
