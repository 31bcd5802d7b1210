"""How far one piece of a model is from another, told by what both make of random input."""

from __future__ import annotations

from math import lcm

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from analyzer.rewriting.copying import copied
from analyzer.values.errors import Problem

LARGEST = 16
"""Positions an axis that are enough to see a kernel at work, unless it reaches farther."""

ROWS = 64
"""Vectors that are enough to see a matrix at work."""


def relative_error(old: nn.Module, new: nn.Module, size: tuple[int, ...] = ()) -> float:
    """|new(x) - old(x)| / |old(x)| for x of standard normal values, computed in float32 and in eval mode.

    `size` is the spatial size of x, cut to what is needed. Problem when the two give different shapes.
    """
    value = _random_input(new, old, size)
    with torch.no_grad():
        before, after = (copied(module).float().eval()(value) for module in (old, new))
    if before.shape != after.shape:
        raise Problem(f"a replacement gives {tuple(after.shape)} where the layer gives {tuple(before.shape)}")
    norm, distance = float(before.norm()), float((after - before).norm())
    return distance / norm if norm else distance


def _random_input(new: nn.Module, old: nn.Module, size: tuple[int, ...]) -> torch.Tensor:
    """For the first convolution that is new, which reads what the old piece reads; for a linear layer, rows."""
    if isinstance(linear := next(old.children(), None), nn.Linear):
        return _normal((ROWS, linear.in_features), linear.weight.device)
    first, *others = (layer for module in (new, old) for layer in module.modules() if isinstance(layer, _ConvNd))
    near = [layer for layer in others if len(layer.kernel_size) == len(first.kernel_size)]
    spans = [max(axis) for axis in zip(*map(_spans, (first, *near)), strict=True)]
    strides = [lcm(*axis) for axis in zip(*(layer.stride for layer in (first, *near)), strict=True)]
    enough = [max(LARGEST, 2 * span) for span in spans]
    full = size or tuple(enough)
    sizes = [_cut(*axis) for axis in zip(full, enough, strides, strict=True)]
    return _normal((2, first.in_channels, *sizes), first.weight.device)


def _cut(full: int, enough: int, stride: int) -> int:
    """At least `enough` positions of `full`, fewer by whole strides: else old and new might round their sizes apart."""
    return full - max(full - enough, 0) // stride * stride


def _normal(shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    generator = torch.Generator(device).manual_seed(0)
    return torch.randn(shape, generator=generator, device=device, dtype=torch.float32)


def _spans(layer: _ConvNd) -> list[int]:
    return [d * (k - 1) + 1 for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
