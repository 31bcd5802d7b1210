"""How much of a dense weight a few depthwise and pointwise pairs could keep, in both orders.

For each channel the kernel is a matrix of channels × taps; K pairs reproduce its K largest singular terms, and no K
pairs do better (Eckart-Young, channel by channel; Guo et al., "Network Decoupling", 2018).
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate

import torch
from torch import Tensor

WORK = 30_000_000
"""Multiply-accumulates that the Gram matrices of one weight may cost; beyond it, channels are sampled."""
FEWEST = 16
NEEDED = 0.95
"""Share of the energy that Network Decoupling asks for by default."""
NOISE_CHANNELS = 192
"""Channels that the null is averaged over."""


def curve(weight: Tensor, depthwise_first: bool) -> tuple[float, ...]:
    """Share of the energy that K = 1, 2, ... terms keep, of a weight (Cout, Cin, *kernel); 1 at the last.

    Depthwise first takes one slice (Cout × taps) an input channel, pointwise first one (Cin × taps) an output channel.
    """
    slices = _slices(weight, depthwise_first)
    return _cumulative(slices[_sampled(slices)])


def noise_curve(weight: Tensor, depthwise_first: bool, scale: Tensor | None = None) -> tuple[float, ...]:
    """The same for Gaussian noise of that shape, its input channels weighted by `scale` (Cin,)."""
    _, channels, taps = _slices(weight, depthwise_first).shape
    if scale is None or depthwise_first:  # a factor on a whole slice changes nothing inside it
        return _gaussian_curve(channels, taps)
    return _cumulative(_gaussian(channels, taps) * scale[:, None])


def sampled_channels(weight: Tensor, depthwise_first: bool) -> int | None:
    """How many channels `curve` looks at, None for all of them."""
    slices = _slices(weight, depthwise_first)
    count = len(_sampled(slices))
    return count if count < len(slices) else None


def terms_for(share: float, kept: tuple[float, ...]) -> int:
    """The fewest terms that keep this share of the energy."""
    return next((terms for terms, value in enumerate(kept, 1) if value >= share), len(kept))


def break_even(channels: int, taps: int) -> int:
    """The most terms that still save work at stride 1: largest K with K (k² + C) < k² C.

    C is Cout with the depthwise first, Cin with the pointwise first.
    """
    return (taps * channels - 1) // (taps + channels)


def _slices(weight: Tensor, depthwise_first: bool) -> Tensor:
    taps = weight.detach().to("cpu", torch.float32).flatten(2)
    return taps.transpose(0, 1) if depthwise_first else taps


def _sampled(slices: Tensor) -> Tensor:
    """Evenly spaced indices of as many slices as the work allows."""
    count, *sides = slices.shape
    allowed = max(FEWEST, WORK // (min(sides) ** 2 * max(sides)))
    return torch.linspace(0, count - 1, min(count, allowed)).round().long()


def _cumulative(slices: Tensor) -> tuple[float, ...]:
    """Σ_slices Σ_{t ≤ K} σ²_t / Σ σ², for each K."""
    wide = slices if slices.shape[1] <= slices.shape[2] else slices.transpose(1, 2)
    terms = torch.linalg.eigvalsh(wide @ wide.transpose(1, 2)).clamp_min(0).double().sum(0).flip(0)
    return tuple(accumulate((terms / terms.sum()).tolist()))


def _gaussian(channels: int, taps: int) -> Tensor:
    count = max(FEWEST, min(NOISE_CHANNELS, WORK // (min(channels, taps) ** 2 * max(channels, taps))))
    return torch.randn(count, channels, taps, generator=torch.Generator().manual_seed(0))


@cache
def _gaussian_curve(channels: int, taps: int) -> tuple[float, ...]:
    return _cumulative(_gaussian(channels, taps))
