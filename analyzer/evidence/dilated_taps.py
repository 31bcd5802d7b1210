"""How much of a kernel lies on the taps that a smaller, dilated one (Yu and Koltun 2016) keeps."""

from __future__ import annotations

import torch
from torch import Tensor

from analyzer.values.convolution import Convolution
from analyzer.values.taps import taps_along


def kept_taps(large: Convolution, small: Convolution) -> tuple[tuple[int, ...], ...] | None:
    """For each axis the taps of `large` that read where `small` reads; None when it reads where `large` does not."""
    places = [taps_along(large, axis) for axis in range(large.dimension)]
    wanted = [taps_along(small, axis) for axis in range(small.dimension)]
    if any(not set(asked) <= set(had) for asked, had in zip(wanted, places, strict=True)):
        return None
    return tuple(tuple(had.index(place) for place in asked) for had, asked in zip(places, wanted, strict=True))


def kept_on(weight: Tensor, taps: tuple[tuple[int, ...], ...]) -> float:
    """Share of the energy of a weight (Cout, Cin, *kernel) on these taps of each axis."""
    squares = weight.detach().to("cpu", torch.float32).double().square()
    inside = squares
    for axis, indices in enumerate(taps, 2):
        inside = inside.index_select(axis, torch.tensor(indices))
    return float(inside.sum() / squares.sum())
