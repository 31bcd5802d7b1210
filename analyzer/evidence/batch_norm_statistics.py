"""What batch normalizations know: how strong a layer's inputs are, and whether it was ever trained."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor

from analyzer.evidence.separable import curve, noise_curve

NEAR = 0.02
"""Within two points of noise, one separable term says nothing of training."""
FRESH = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class NormStatistics:
    """The tensors of one batch normalization, each (channels,), as in its state dict."""

    running_mean: Tensor | None = None
    running_var: Tensor | None = None
    weight: Tensor | None = None
    bias: Tensor | None = None
    num_batches_tracked: int | None = None

    @property
    def is_fresh(self) -> bool:
        """Its running statistics are those that it was made with."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked:
            return False
        return bool(self.running_mean.abs().max() < FRESH and (self.running_var - 1).abs().max() < FRESH)


def rectified_moments(norm: NormStatistics) -> Tensor | None:
    """E[ReLU(z)²] of each channel, z ~ N(β, γ²) being what the normalization gives; None without γ and β.

    (β² + γ²) Φ(β/γ) + β γ φ(β/γ), in float64.
    """
    if norm.weight is None or norm.bias is None:
        return None
    spread = norm.weight.detach().cpu().double().abs()  # the sign of γ does not change the distribution
    centre = norm.bias.detach().cpu().double()
    ratio = centre / spread.clamp_min(1e-12)
    below = torch.special.ndtr(ratio)
    height = torch.exp(-ratio.square() / 2) / sqrt(2 * pi)
    moments: Tensor = (centre.square() + spread.square()) * below + centre * spread * height
    return moments.clamp_min(0)


def looks_untrained(weight: Tensor, feeds: NormStatistics | None) -> bool:
    """The weight is as little separable as noise, and the normalization that it feeds has seen no batch.

    Without a normalization there is no telling, and the answer is no.
    """
    if feeds is None or not feeds.is_fresh:
        return False
    return abs(curve(weight, True)[0] - noise_curve(weight, True)[0]) < NEAR
