"""Units become torch's modules and the code that makes them, which are the same thing."""

import pytest
import torch
from torch import nn

from analyzer.rewriting.constructors import Made, call_of, module_of
from analyzer.values.convolution import BatchNorm, ChannelShuffle, Convolution, Identity, ReLU, Unit
from analyzer.values.layer_calls import code as shown

PAIR = (
    Convolution(8, 8, (3, 3), (2, 2), (1, 1), (1, 1), groups=8),
    BatchNorm(8, 2),
    ReLU(),
    Convolution(8, 16, (1, 1), (1, 1), (0, 0), (1, 1), bias=True),
)


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        (PAIR[0], "nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False)"),
        (PAIR[3], "nn.Conv2d(8, 16, 1)"),
        (Convolution(4, 6, (9,), (1,), (8,), (2,), bias=True), "nn.Conv1d(4, 6, 9, padding=8, dilation=2)"),
        (
            Convolution(4, 6, (1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1), bias=True),
            "nn.Conv3d(4, 6, (1, 3, 3), padding=(0, 1, 1))",
        ),
        (
            Convolution(4, 6, (3, 3), (2, 2), (1, 1), (1, 1), bias=True, transposed=True, output_padding=(1, 1)),
            "nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1)",
        ),
        (BatchNorm(8, 1), "nn.BatchNorm1d(8)"),
        (ChannelShuffle(4), "nn.ChannelShuffle(4)"),
        (ReLU(), "nn.ReLU()"),
        (Identity(), "nn.Identity()"),
    ],
)
def test_a_unit_is_written_as_its_constructor(unit: Unit, code: str) -> None:
    call = call_of(unit, None)
    assert call.code == shown((unit,)) == code
    assert repr(eval(code)) == repr(call.make())


def test_several_units_make_a_sequence_like_the_layer_replaced() -> None:
    layer = nn.Conv2d(8, 16, 3, stride=2, padding=1, dtype=torch.float64).eval().requires_grad_(False)
    module = module_of(PAIR, layer)
    assert [type(child) for child in module] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d]
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float64}
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert module(torch.randn(1, 8, 9, 9, dtype=torch.float64)).shape == (1, 16, 5, 5)


def test_a_normalization_keeps_its_constants() -> None:
    norm = nn.BatchNorm2d(8, eps=1e-3, momentum=None, affine=False)
    call = call_of(BatchNorm(8, 2), norm)
    assert call.code == "nn.BatchNorm2d(8, eps=0.001, momentum=None, affine=False)"


def test_on_the_meta_device_nothing_is_allocated() -> None:
    layer = nn.Conv2d(8, 16, 3, device="meta")
    assert all(tensor.is_meta for tensor in module_of(PAIR, layer).state_dict().values())


def test_making_a_module_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    first, second = module_of(PAIR[:1]), module_of(PAIR[:1])
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.weight, second.weight)


def test_layers_without_values_are_made_apart_and_are_those_of_the_constructor() -> None:
    like = nn.Conv2d(8, 16, 3).to("meta").eval()
    known: Made = {}
    one, other = (module_of(PAIR, like, known=known) for _ in range(2))
    usual = nn.Sequential(*(call_of(unit, like).make() for unit in PAIR)).to("meta").eval()
    for made in (one, other):
        assert repr(made) == repr(usual)
        for layer, wanted in zip(made.modules(), usual.modules(), strict=True):
            assert vars(layer).keys() == vars(wanted).keys()
            assert not layer.training
        told = [(name, t.shape, t.dtype, t.stride(), t.requires_grad) for name, t in made.named_parameters()]
        assert told == [(name, t.shape, t.dtype, t.stride(), t.requires_grad) for name, t in usual.named_parameters()]
        assert [(name, t.shape) for name, t in made.named_buffers()] == [
            (name, t.shape) for name, t in usual.named_buffers()
        ]
    held = [
        [id(value) for layer in made for value in vars(layer).values() if isinstance(value, dict)]
        for made in (one, other)
    ]
    assert not {*held[0]} & {*held[1]}
    assert not {*map(id, one.parameters())} & {*map(id, other.parameters())}
