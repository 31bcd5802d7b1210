"""Random networks: layers and functions of torch in a random order, with branches, shared layers and nested modules."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

Step = Callable[[torch.Tensor], torch.Tensor]
MAX_ELEMENTS = 5_000
"""Larger values are pooled or cut, so that one program takes milliseconds."""


@dataclass
class Draw:
    """A source of choices, and the shape that the choices are for."""

    source: random.Random
    shape: tuple[int, ...]

    def pick(self, *choices: Any) -> Any:
        return self.source.choice(choices)

    def chance(self, share: float) -> bool:
        return self.source.random() < share

    @property
    def channels(self) -> int:
        """Of an image the second dimension, of tokens and vectors the last."""
        return self.shape[1] if len(self.shape) == 4 else self.shape[-1]

    def divisor(self, number: int) -> int:
        return self.pick(*(value for value in range(1, number + 1) if number % value == 0))


class Function(nn.Module):
    """A forward without layers of its own, or with these."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x, *self.parts)


class Weighted(nn.Module):
    """A forward on a parameter of its own."""

    def __init__(self, function: Callable[..., Any], *shape: int) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.rand(shape) * 0.2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x, self.weight)


def convolution(draw: Draw) -> nn.Module:
    channels, kernel = draw.channels, draw.pick(1, 1, 2, 3, 3, 5, (1, 3), (3, 1))
    dilated = draw.pick(1, 1, 1, 2, 3)
    # A kernel of torch 2.14's ends the process where an axis is dilated that the convolution has one tap in.
    dilation = tuple(dilated if taps > 1 else 1 for taps in (kernel if isinstance(kernel, tuple) else (kernel,) * 2))
    padding = draw.pick(0, 1, 2, "same")
    stride = 1 if padding == "same" else draw.pick(1, 1, 2, 3)
    groups = draw.pick(1, 1, channels, draw.divisor(channels))
    out = groups * draw.pick(1, 2, 3)
    mode = draw.pick("zeros", "zeros", "zeros", "replicate", "circular")
    return nn.Conv2d(channels, out, kernel, stride, padding, dilation, groups, draw.chance(0.5), mode)


def transposed(draw: Draw) -> nn.Module:
    groups = draw.divisor(draw.channels)
    stride = draw.pick(1, 2, 3)
    kernel, padding = draw.pick(1, 2, 3, 4), draw.pick(0, 0, 1)
    extra = draw.pick(0, stride - 1)
    return nn.ConvTranspose2d(draw.channels, groups * draw.pick(1, 2), kernel, stride, padding, extra, groups)


def bottleneck(draw: Draw) -> nn.Module:
    width = draw.pick(1, 2, 4)
    body = nn.Sequential(
        nn.Conv2d(draw.channels, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(draw.chance(0.5)),
        nn.Conv2d(width, draw.channels, 3, padding=1, groups=draw.divisor(width) if draw.channels % width == 0 else 1),
    )
    return Function(lambda x, inner: x + inner(x), body)


def excitation(draw: Draw) -> nn.Module:
    gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(draw.channels, draw.channels, 1), nn.Sigmoid())
    return Function(lambda x, inner: x * inner(x), gate)


def concatenation(draw: Draw) -> nn.Module:
    layer = nn.Conv2d(draw.channels, draw.pick(1, 3, 4), 3, padding=1)
    return Function(lambda x, inner: torch.cat([x, inner(x).relu_()], 1), layer)


def shuffle(draw: Draw) -> nn.Module:
    groups = draw.divisor(draw.channels)
    return Function(lambda x: x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2))


def self_affinity(draw: Draw) -> nn.Module:
    """Attention over positions, as a product written out."""

    def forward(x: torch.Tensor, query: nn.Module) -> torch.Tensor:
        q, v = query(x).flatten(2), x.flatten(2)
        return (v @ F.softmax(q.transpose(1, 2) @ q, -1)).view_as(x) + x

    return Function(forward, nn.Conv2d(draw.channels, draw.pick(1, 2), 1))


def twice(draw: Draw) -> nn.Module:
    layer = nn.Conv2d(draw.channels, draw.channels, 3, padding=1)
    return Function(lambda x, inner: inner(F.gelu(inner(x))), layer)


def resized(draw: Draw) -> nn.Module:
    mode = draw.pick("nearest", "bilinear", "bicubic")
    return nn.Upsample(scale_factor=draw.pick(0.5, 1.5, 2), mode=mode)


def pooled(draw: Draw) -> nn.Module:
    kernel = draw.pick(2, 3)
    kind = draw.pick(nn.MaxPool2d, nn.AvgPool2d)
    return kind(kernel, draw.pick(1, 2, 3), draw.pick(0, 1), ceil_mode=draw.chance(0.3))


def normalized(draw: Draw) -> nn.Module:
    channels = draw.channels
    return draw.pick(
        nn.BatchNorm2d(channels), nn.GroupNorm(draw.divisor(channels), channels), nn.InstanceNorm2d(channels)
    )


def activation(draw: Draw) -> nn.Module:
    made = draw.pick(nn.ReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.Softplus, nn.ReLU6)
    return made()


def plain_image(draw: Draw) -> nn.Module:
    height, width = draw.shape[2:]
    return Function(
        draw.pick(
            lambda x: F.pad(x, (1, 2, 0, 1)),
            lambda x: x.flip(-1),
            lambda x: x.roll(1, 2),
            lambda x: x[..., ::2, :],
            lambda x: x[:, :, : max(1, height - 1)],
            lambda x: x.transpose(2, 3),
            lambda x: torch.where(x > 0, x, 0.1 * x),
            lambda x: torch.stack([x, x], 2).flatten(1, 2),
            lambda x: x.chunk(2, 1)[0] * 2,
            lambda x: x / x.std((2, 3), keepdim=True).clamp_min(0.1),
            lambda x: x.softmax(1),
            lambda x: x.to(memory_format=torch.channels_last) + 1,
            lambda x: F.interpolate(x, size=(height, width + 1)),
            lambda x: F.unfold(x, 3, padding=1).unflatten(-1, (height, width)),
            lambda x: x.clone().mul_(0.5).add_(x),
            lambda x: F.pixel_unshuffle(F.pad(x, (0, width % 2, 0, height % 2)), 2),
        )
    )


def linear(draw: Draw) -> nn.Module:
    layer = nn.Linear(draw.channels, draw.pick(2, 4, 6, 8), draw.chance(0.7))
    return parametrizations.weight_norm(layer) if draw.chance(0.1) else layer


def product(draw: Draw) -> nn.Module:
    width, out = draw.channels, draw.pick(2, 4, 5)
    function, *shape = draw.pick(
        (lambda x, w: x @ w, width, out),
        (lambda x, w: F.linear(x, w), out, width),
        (lambda x, w: torch.einsum("...i,ij->...j", x, w), width, out),
        (lambda x, w: torch.einsum("...i,oi->...o", x, w).sigmoid(), out, width),
        (lambda x, w: torch.tensordot(x, w, 1), width, out),
        (lambda x, w: torch.matmul(x, w.expand(*x.shape[:-2], *w.shape)) if x.dim() > 2 else x @ w, width, out),
    )
    return Weighted(function, *shape)


def feed_forward(draw: Draw) -> nn.Module:
    body = nn.Sequential(
        nn.LayerNorm(draw.channels), nn.Linear(draw.channels, 8), nn.GELU(), nn.Linear(8, draw.channels)
    )
    if draw.chance(0.3):
        return Function(lambda x, inner: x + checkpoint(inner, x, use_reentrant=False), body)
    return Function(lambda x, inner: x + inner(x), body)


def attention(draw: Draw) -> nn.Module:
    heads = draw.divisor(draw.channels)
    layer = nn.MultiheadAttention(draw.channels, heads, batch_first=True)
    weights = draw.chance(0.5)
    return Function(lambda x, inner: inner(x, x, x, need_weights=weights)[0], layer)


def fused_attention(draw: Draw) -> nn.Module:
    heads, causal = draw.divisor(draw.channels), draw.chance(0.5)

    def forward(x: torch.Tensor, projection: nn.Module) -> torch.Tensor:
        q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in projection(x).chunk(3, -1))
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)

    return Function(forward, nn.Linear(draw.channels, 3 * draw.channels))


def recurrent(draw: Draw) -> nn.Module:
    kind = draw.pick(nn.LSTM, nn.GRU, nn.RNN)
    layer = kind(draw.channels, draw.pick(2, 3, 4), draw.pick(1, 2), batch_first=True, bidirectional=draw.chance(0.4))
    return Function(lambda x, inner: inner(x)[0], layer)


def loop(draw: Draw) -> nn.Module:
    def forward(x: torch.Tensor, cell: nn.Module) -> torch.Tensor:
        state = None
        states = []
        for step in x.unbind(1):
            state = cell(step, state)
            states.append(state)
        return torch.stack(states, 1)

    return Function(forward, nn.GRUCell(draw.channels, draw.pick(2, 4)))


def encoder(draw: Draw) -> nn.Module:
    heads = draw.divisor(draw.channels)
    return nn.TransformerEncoderLayer(draw.channels, heads, 8, batch_first=True, norm_first=draw.chance(0.5))


def plain_tokens(draw: Draw) -> nn.Module:
    return Function(
        draw.pick(
            lambda x: x.cumsum(1),
            lambda x: x - x.mean(1, keepdim=True),
            lambda x: x[:, ::2],
            lambda x: F.glu(torch.cat([x, x], -1), -1),
            lambda x: torch.cat([x[:, :1], x], 1),
            lambda x: x.sort(1).values,
            lambda x: F.normalize(x, dim=-1),
            lambda x: (x.transpose(1, 2) @ x).softmax(-1),
            lambda x: torch.vmap(lambda row: row * 2)(x),
            lambda x: x.masked_fill(x < 0, 0.0),
            lambda x: x.gather(1, torch.zeros_like(x, dtype=torch.long)),
        )
    )


def convolved(draw: Draw) -> nn.Module:
    layer = nn.Conv1d(draw.channels, draw.pick(2, 4), draw.pick(1, 3), padding=1, stride=draw.pick(1, 2))
    return Function(lambda x, inner: inner(x.transpose(1, 2)).transpose(1, 2), layer)


def to_tokens(draw: Draw) -> nn.Module:
    return Function(lambda x: x.flatten(2).transpose(1, 2))


def to_image(draw: Draw) -> nn.Module:
    return Function(lambda x: x.transpose(1, 2).unsqueeze(-1))


def to_vector(draw: Draw) -> nn.Module:
    return Function(lambda x: x.mean(1))


def plain_vector(draw: Draw) -> nn.Module:
    return Function(draw.pick(lambda x: x.sigmoid(), lambda x: x.log_softmax(-1), lambda x: x * x.norm()))


def bilinear(draw: Draw) -> nn.Module:
    return Function(lambda x, inner: inner(x, x), nn.Bilinear(draw.channels, draw.channels, draw.pick(2, 3)))


# fmt: off
IMAGE = (convolution, convolution, convolution, transposed, bottleneck, excitation, concatenation, shuffle,
         self_affinity, twice, resized, pooled, normalized, normalized, activation, activation, plain_image,
         plain_image, to_tokens)
TOKENS = (linear, product, feed_forward, attention, fused_attention, recurrent, loop, encoder, plain_tokens,
          plain_tokens, activation, convolved, to_image, to_vector)
VECTOR = (linear, product, plain_vector, activation, bilinear)
LOCAL = (convolution, convolution, pooled, normalized, activation, bottleneck, concatenation, shuffle, twice)
# fmt: on
STEPS = {4: IMAGE, 3: TOKENS, 2: VECTOR}


class Shrink(nn.Module):
    """Keeps values small: positions by pooling, channels and tokens by cutting."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.adaptive_avg_pool2d(x[:, :8], 8) if x.dim() == 4 else x[:, :8, ..., :8]


@dataclass(frozen=True)
class Program:
    """A network and one input for it."""

    model: nn.Module
    x: torch.Tensor


def program(seed: int, steps: Any = STEPS) -> Program:
    """The program of this seed; `steps` are the kinds to choose from, by the number of dimensions."""
    source = random.Random(seed)
    torch.manual_seed(seed)
    x = torch.randn(_first_shape(source, steps))
    layers: list[nn.Module] = []
    value = x
    for _ in range(source.randint(1, 9)):
        layer, value = _next(source, value, steps)
        layers.append(layer)
    nested = source.random() < 0.5 and len(layers) > 2
    model = nn.Sequential(nn.Sequential(*layers[:2]), *layers[2:]) if nested else nn.Sequential(*layers)
    return Program(model.train(source.random() < 0.2), x)


def _first_shape(source: random.Random, steps: Any) -> tuple[int, ...]:
    batch = source.choice((1, 2))
    size = source.choice((5, 6, 9))
    image = (batch, source.choice((1, 3, 4, 8)), size, source.choice((size, 7)))
    tokens = (batch, source.choice((3, 5, 8)), source.choice((4, 6, 8)))
    return source.choice([shape for shape in (image, image, tokens) if len(shape) in steps])


def _next(source: random.Random, value: torch.Tensor, steps: Any) -> tuple[nn.Module, torch.Tensor]:
    """A layer that torch accepts on this value, and what it makes of it; refused choices are drawn anew."""
    if value.numel() > MAX_ELEMENTS:
        return Shrink(), Shrink()(value)
    for _ in range(20):
        layer = source.choice(steps[value.dim()])(Draw(source, tuple(value.shape)))
        try:
            with torch.no_grad():
                result = layer(value)
        except (RuntimeError, ValueError, AssertionError, NotImplementedError):
            continue
        if result.dim() in steps and result.numel():
            return layer, result
    return nn.Identity(), value
