"""Each kind of replacement against what a layer really gives, by brute force on small layers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from analyzer.fitting.layer_choices import LayerChoice, choices
from analyzer.fitting.moments import Moments, patches
from analyzer.fitting.replacing import Replaceable
from analyzer.values.convolution import Convolution

LAYERS: dict[str, Callable[[], nn.Conv2d]] = {
    "3×3": lambda: nn.Conv2d(8, 12, 3, padding=1),
    "strided": lambda: nn.Conv2d(8, 12, (3, 5), stride=(2, 1), padding=(1, 2)),
    "5×5": lambda: nn.Conv2d(6, 8, 5, padding=2),
    "pointwise": lambda: nn.Conv2d(16, 12, 1),
    "without bias": lambda: nn.Conv2d(8, 16, 3, bias=False),
}


def inputs(layer: nn.Conv2d) -> torch.Tensor:
    """Correlated over channels and space, not about zero."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(6, layer.in_channels, 13, 13, generator=generator)
    mixed = torch.einsum("dc,nchw->ndhw", torch.randn(*[layer.in_channels] * 2, generator=generator), noise)
    return nn.functional.avg_pool2d(mixed, 3, 1) + 0.5


def gathered(layer: nn.Conv2d, value: torch.Tensor) -> Moments:
    with torch.no_grad():
        target = layer(value)
    x, y = patches(layer, value, target, 10**6)
    moments = Moments(x.shape[1], y.shape[1])
    moments.add(x, y)
    return moments


def options(
    layer: nn.Conv2d,
    convolution: Callable[..., Convolution],
    model: Callable[..., object],
    facts: Callable[..., object],
) -> list[LayerChoice]:
    conv = convolution(
        in_channels=layer.in_channels,
        out_channels=layer.out_channels,
        kernel=layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        bias=layer.bias is not None,
        input_size=(11, 11),
    )
    known = facts("conv", calls=(conv,))
    return list(choices(model(known), ()))  # type: ignore[arg-type]


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_patches_are_what_the_layer_reads(make: Callable[[], nn.Conv2d]) -> None:
    torch.manual_seed(0)
    layer = make()
    value = inputs(layer)
    with torch.no_grad():
        target = layer(value)
        x, y = patches(layer, value, target, 10**6)
        bias = 0 if layer.bias is None else layer.bias
        assert torch.allclose(x @ layer.weight.flatten(1).T + bias, y, atol=1e-4)


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_the_error_told_is_that_of_the_outputs(
    make: Callable[[], nn.Conv2d],
    convolution: Callable[..., Convolution],
    model: Callable[..., object],
    layer: Callable[..., object],
) -> None:
    """For every choice: Σ (new - old)² over Σ (old - mean)², the mean only where a bias takes it up.

    The ridge adds a little to what is told.
    """
    torch.manual_seed(0)
    old = make().eval()
    value = inputs(old)
    found = Replaceable.of(old, None, gathered(old, value))
    offered = options(old, convolution, model, layer)
    assert offered
    with torch.no_grad():
        wanted = old(value)
    about = wanted.mean((0, 2, 3), keepdim=True) if old.bias is not None else 0
    for choice in offered:
        new = found.fitted([choice])[choice]
        with torch.no_grad():
            given = new.layer(value)
        left = float((given - wanted).square().sum() / (wanted - about).square().sum())
        assert new.error == pytest.approx(left, rel=0.04, abs=5e-3), choice.label


def test_outputs_beat_weights(convolution: Callable[..., Convolution]) -> None:
    """A low rank fitted to what the layer gives loses less of it than one of the weights alone."""
    torch.manual_seed(0)
    old = nn.Conv2d(8, 12, 3, padding=1).eval()
    value = inputs(old)
    found = Replaceable.of(old, None, gathered(old, value))
    conv = convolution(in_channels=8, out_channels=12, kernel=3, padding=1, bias=True)
    units = (
        replace(conv, out_channels=3, bias=False),
        convolution(in_channels=3, out_channels=12, kernel=1, bias=True),
    )
    choice = LayerChoice("conv", "low rank of outputs", 3, units, None)  # type: ignore[arg-type]
    u, s, v = torch.linalg.svd(old.weight.detach().flatten(1), full_matrices=False)
    plain = ((u[:, :3] * s[:3]) @ v[:3]).reshape(old.weight.shape)
    with torch.no_grad():
        wanted = old(value)
        by_weights = conv2d(value, plain, old.bias, padding=1) - wanted
        by_outputs = found.fitted([choice])[choice].layer(value) - wanted
    assert by_outputs.square().sum() < 0.8 * by_weights.square().sum()


def test_a_changed_input_is_made_up_for() -> None:
    """Targets are the original's, inputs the changed model's: what can be undone is."""
    torch.manual_seed(0)
    old = nn.Conv2d(4, 6, 1).eval()
    value = torch.randn(8, 4, 9, 9)
    with torch.no_grad():
        target = old(value)
    moments = Moments(4, 6)
    moments.add(*patches(old, 2 * value + 1, target, 10**6))
    choice = LayerChoice(
        "conv",
        "low rank of outputs",
        4,
        (Convolution(4, 4, *[(1, 1)] * 2, (0, 0), (1, 1)), Convolution(4, 6, *[(1, 1)] * 2, (0, 0), (1, 1), bias=True)),
        None,
    )  # type: ignore[arg-type]
    new = Replaceable.of(old, None, moments).fitted([choice])[choice]
    with torch.no_grad():
        given = new.layer(2 * value + 1)
    assert float((given - target).square().mean() / target.var()) < 1e-3


@pytest.mark.parametrize("kind", ["low rank of inputs", "spatial low rank", "depthwise then pointwise"])
def test_no_kind_copies_the_products_of_a_wide_layer(
    kind: str,
    convolution: Callable[..., Convolution],
    model: Callable[..., object],
    layer: Callable[..., object],
    bytes_taken: Callable[[Callable[[], object]], int],
) -> None:
    old = nn.Conv2d(256, 32, 3, padding=1)
    own = Replaceable.of(old, None, gathered(old, torch.randn(1, 256, 8, 8)))
    alike = [one for one in options(old, convolution, model, layer) if one.kind == kind]
    least = min(alike, key=lambda one: one.setting)
    assert bytes_taken(lambda: own.fitted([least])) < 0.8 * own.target.averages.gram.nbytes
