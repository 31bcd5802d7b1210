"""What torch refuses on real tensors and lets pass on meta ones: nothing is counted that cannot run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

aten = torch.ops.aten


def refuse(func: Any, args: tuple[Any, ...]) -> None:
    """RuntimeError, in torch's words, for what a device with values would not carry out."""
    refusal = REFUSALS.get(func)
    if refusal is not None:
        refusal(*args)


def _refuse_mixed(*args: Any) -> None:
    """The factors of a matrix product are of one dtype."""
    dtypes = [value.dtype for value in args if isinstance(value, torch.Tensor)]
    if len(set(dtypes)) > 1:
        names = " != ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise RuntimeError(f"expected all factors to have the same dtype, but got: {names}")


def _refuse_channels(x: Any, weight: Any, *options: Any) -> None:
    """A transposed convolution takes (N, C_in, …) with a weight (C_in, C_out / groups, …)."""
    _, _, _, _, transposed, _, _ = options  # bias, stride, padding, dilation, transposed, output_padding, groups
    if not transposed or x.shape[1] == weight.shape[0]:
        return
    shapes = f"weight of size {list(weight.shape)}, expected input{list(x.shape)}"
    channels = f"to have {weight.shape[0]} channels, but got {x.shape[1]} channels instead"
    raise RuntimeError(f"Given transposed=1, {shapes} {channels}")


REFUSALS: Mapping[Any, Callable[..., None]] = {
    aten.mm.default: _refuse_mixed,
    aten.bmm.default: _refuse_mixed,
    aten.mv.default: _refuse_mixed,
    aten.dot.default: _refuse_mixed,
    aten.addmm.default: _refuse_mixed,
    aten.baddbmm.default: _refuse_mixed,
    aten.addmv.default: _refuse_mixed,
    aten.convolution.default: _refuse_channels,
}
