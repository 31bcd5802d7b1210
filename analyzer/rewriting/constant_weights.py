"""Layers that compute their weight at every call and always the same: parametrizations, masks, standardized weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
from torch.overrides import TorchFunctionMode

from analyzer.loading.meta_copy import copy_with
from analyzer.rewriting.copying import copied

KINDS: Mapping[type[nn.Module], Callable[..., Any]] = {
    nn.Conv1d: torch.conv1d,
    nn.Conv2d: torch.conv2d,
    nn.Conv3d: torch.conv3d,
    nn.ConvTranspose1d: torch.conv_transpose1d,
    nn.ConvTranspose2d: torch.conv_transpose2d,
    nn.ConvTranspose3d: torch.conv_transpose3d,
    nn.Linear: nn.functional.linear,
}
"""What each kind of layer calls on its weight."""
COMPUTING_HOOKS = (WeightNorm, SpectralNorm, BasePruningMethod)
"""Hooks of torch that set the weight before each call; what any other hook does is not known."""
TOLERANCE = 1e-9
"""Relative, in double precision."""
LARGEST = 2**24
"""Parameters of a layer that is still run in double precision: 128 MiB."""
CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
Weights = tuple[torch.Tensor, torch.Tensor | None]


def always_reads_the_same(layer: nn.Module) -> bool:
    """Whether in evaluation the layer is a plain one of its kind with a weight that no input changes.

    A copy with random values is run on two inputs of different sizes, and a plain layer with the weight that it read
    beside it. False for layers with hooks of a user's, and where anything fails.
    """
    known = _ANSWERS.get()
    if known is None:
        return _reads_the_same(layer)
    if id(layer) not in known:
        known[id(layer)] = layer, _reads_the_same(layer)
    return known[id(layer)][1]


_ANSWERS: ContextVar[dict[int, tuple[nn.Module, bool]] | None] = ContextVar("answers", default=None)
"""By id of a layer, while nobody changes it."""


@contextmanager
def answers_kept() -> Iterator[None]:
    """Within the block no layer is changed, so that each is run once."""
    token = _ANSWERS.set({})
    try:
        yield
    finally:
        _ANSWERS.reset(token)


def _reads_the_same(layer: nn.Module) -> bool:
    kind = kind_of(layer)
    if kind is None or not _has_known_hooks(layer) or getattr(layer, "padding_mode", "zeros") != "zeros":
        return False
    if sum(parameter.numel() for parameter in layer.parameters()) > LARGEST:
        return False
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            copied = copy_with(layer, _random).eval()
            return all(_is_plain_on(copied, kind, value) for value in _inputs(copied))
    except Exception:  # whatever a user's forward raises
        return False


def plain_form(layer: nn.Module) -> nn.Module:
    """The plain layer of its kind, in double precision, with the weight and bias that it reads in evaluation."""
    kind = kind_of(layer)
    assert kind is not None
    with torch.no_grad():
        own = copied(layer).eval()
        like = next(own.parameters())
        weights, _ = _read(own, kind, next(iter(_inputs(own))).to(like))
    return _plain(layer, kind, *weights)


def kind_of(layer: nn.Module) -> type[nn.Module] | None:
    """The plain class of torch that the layer is, or is derived from; None for other layers."""
    return next((kind for kind in KINDS if isinstance(layer, kind)), None)


def _has_known_hooks(layer: nn.Module) -> bool:
    others = (layer._forward_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    return not any(others) and all(isinstance(hook, COMPUTING_HOOKS) for hook in layer._forward_pre_hooks.values())


def _random(tensor: torch.Tensor) -> torch.Tensor:
    return torch.rand(tensor.shape, dtype=torch.double) + 0.5 if tensor.is_floating_point() else torch.ones_like(tensor)


def _inputs(layer: nn.Module) -> tuple[torch.Tensor, ...]:
    """Of two sizes, even and odd, as padding to a multiple shows at one of them."""
    if isinstance(layer, nn.Linear):
        return tuple(torch.randn(rows, layer.in_features, dtype=torch.double) for rows in (2, 3))
    assert isinstance(layer, _ConvNd)
    spans = [d * (k - 1) + 1 + 2 * s for k, d, s in zip(layer.kernel_size, layer.dilation, layer.stride, strict=True)]
    sizes = ([span + more for span in spans] for more in (0, 1))
    return tuple(torch.randn(1, layer.in_channels, *size, dtype=torch.double) for size in sizes)


class _Calls(TorchFunctionMode):
    """Keeps the weight and the bias of every call of one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function, self.found = function, list[Weights]()

    def __torch_function__(
        self, func: Callable[..., Any], _: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(zip(("input", "weight", "bias"), args, strict=False)) | dict(kwargs or {})
        if func is self.function:
            weight, bias = named["weight"], named.get("bias")
            self.found.append((weight.detach().clone(), None if bias is None else bias.detach().clone()))
        return func(*args, **(kwargs or {}))


def _read(layer: nn.Module, kind: type[nn.Module], value: torch.Tensor) -> tuple[Weights, torch.Tensor]:
    """What the layer's one call reads, and what the layer gives; ValueError where it makes more calls, or none."""
    with _Calls(KINDS[kind]) as calls:
        given = layer(value)
    (weights,) = calls.found
    return weights, given


def _is_plain_on(layer: nn.Module, kind: type[nn.Module], value: torch.Tensor) -> bool:
    (weight, bias), given = _read(layer, kind, value)
    (again, _), _ = _read(layer, kind, 2 * value + 1)
    plain = _plain(layer, kind, weight, bias)
    expected = plain(value)
    is_same = given.shape == expected.shape and bool((given - expected).norm() <= TOLERANCE * expected.norm())
    return is_same and bool((weight - again).norm() <= TOLERANCE * weight.norm())


def _plain(layer: nn.Module, kind: type[nn.Module], weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    names = CONVOLUTION if isinstance(layer, _ConvNd) else ("in_features", "out_features")
    named = {name: getattr(layer, name) for name in names}
    if isinstance(layer, _ConvNd) and layer.transposed:
        named["output_padding"] = layer.output_padding
    plain = kind(**named, bias=bias is not None, dtype=torch.double)
    store_as_they_are(plain, weight, bias)
    return plain


def store_as_they_are(layer: nn.Module, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
    """Put weight and bias into a plain layer; RuntimeError where shapes differ."""
    assert isinstance(layer, _ConvNd | nn.Linear)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if layer.bias is not None and bias is not None:
            layer.bias.copy_(bias)
