"""Fits what takes the place of a layer to what the ReLU after it lets through, where plain least squares is not best.

Zhang et al. 2016, "Accelerating Very Deep Convolutional Networks for Classification and Detection", section 3.2:
min Σ |r(y) - r(z)|² + λ |z - ŷ|² over targets z and the new layer's outputs ŷ in turn, λ growing.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from analyzer.fitting.layer_choices import LayerChoice
from analyzer.fitting.moments import Rows
from analyzer.fitting.replacing import LEAST, Fitted, Replaceable

WEIGHTS = (0.3, 1.0)
"""λ of each turn."""


@torch.no_grad()
def fitted_before_relu(own: Replaceable, choice: LayerChoice, start: Fitted, rows: Sequence[Rows]) -> Fitted:
    """From the plain fit on, a choice for rows of what the layer reads and what it should give.

    A normalization between layer and ReLU is part of what the ReLU makes of the outputs; a channel that it scales to
    nothing keeps its plain target.
    """
    new = start
    for weight in WEIGHTS:
        new = own.towards((x, _target(own, new, x, y, weight)) for x, y in rows).fitted([choice])[choice]
    return new


def _target(own: Replaceable, new: Fitted, x: Tensor, y: Tensor, weight: float) -> Tensor:
    """What the next turn is fitted to, (rows, out)."""
    gain, offset = _affine(own.norm, y)
    is_live = gain.abs() > LEAST * gain.abs().max()
    given = gain * (_on_patches(own.layer, new.layer, x) - new.shift.float()) + offset
    return torch.where(is_live, (_targets(given, (gain * y + offset).relu(), weight) - offset) / gain, y)


def _targets(given: Tensor, wanted: Tensor, weight: float) -> Tensor:
    """The z that is best on either side of 0, whichever costs less; all (rows, out)."""
    below, above = given.clamp_max(0), ((weight * given + wanted) / (weight + 1)).relu()
    cost_below = wanted.square() + weight * (below - given).square()
    cost_above = (wanted - above).square() + weight * (above - given).square()
    return torch.where(cost_above < cost_below, above, below)


def _affine(norm: _BatchNorm | None, y: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and offset (out,) of the normalization; of none without."""
    one, none = torch.ones_like(y[0]), torch.zeros_like(y[0])
    if norm is None or norm.running_mean is None or norm.running_var is None:
        return one, none
    gain = (norm.running_var + norm.eps).rsqrt() * (one if norm.weight is None else norm.weight)
    return gain, (none if norm.bias is None else norm.bias) - gain * norm.running_mean


def _on_patches(old: nn.Module, new: nn.Module, x: Tensor) -> Tensor:
    """What the layers in the place of `old` give for what one output each reads, (rows, out)."""
    x = x.to(old.get_parameter("weight").dtype)
    if not isinstance(old, _ConvNd):
        given: Tensor = new(x).float()
        return given
    value = x.reshape(len(x), -1, *old.kernel_size)
    for layer in new if isinstance(new, nn.Sequential) else [new]:
        assert isinstance(layer, _ConvNd)
        alone = copy.copy(layer)  # its tensors are the layer's; patches are read whole, their taps next to each other
        alone.stride, alone.padding = (1,) * len(old.kernel_size), (0,) * len(old.kernel_size)
        alone.dilation = tuple(max(1, new // old) for new, old in zip(layer.dilation, old.dilation, strict=True))
        value = alone(value)
    return value.flatten(1).float()
