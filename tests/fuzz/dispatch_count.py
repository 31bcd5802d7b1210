"""An independent count: every operator that a real forward dispatches, and the products in it by hand."""

from math import prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


class DispatchCount(TorchDispatchMode):
    """Multiply-accumulates of matrix products and convolutions; attention and recurrence are taken apart by torch."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        count = COUNTS.get(func.overloadpacket)
        if count is not None:
            self.macs += count(output, *args)
        return output


def _product(output: torch.Tensor, left: torch.Tensor, *_: Any) -> int:
    return output.numel() * left.shape[-1]


def _added(output: torch.Tensor, _: Any, left: torch.Tensor, *rest: Any) -> int:
    return output.numel() * left.shape[-1]


def _dot(output: torch.Tensor, left: torch.Tensor, *_: Any) -> int:
    return left.numel()


def _trilinear(output: torch.Tensor, left: torch.Tensor, _: Any, right: torch.Tensor, *rest: Any) -> int:
    """As nn.Bilinear calls it: every pair of features, for every output."""
    return output.numel() * left.shape[-1] * right.shape[-1]


def _convolution(output: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, *options: Any) -> int:
    """Each position of the output, or of the input when transposed, meets every weight once."""
    places = (x if options[4] else output).shape
    return places[0] * prod(places[2:]) * weight.numel()


COUNTS = {
    aten.mm: _product,
    aten.bmm: _product,
    aten.mv: _product,
    aten.dot: _dot,
    aten.addmm: _added,
    aten.addmv: _added,
    aten.baddbmm: _added,
    aten._trilinear: _trilinear,
    aten.convolution: _convolution,
}


def macs_of(model: torch.nn.Module, x: torch.Tensor) -> int:
    """Of one real forward, without kernels that do several products at once."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=False), DispatchCount() as count:
            model(x.clone())
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return count.macs
