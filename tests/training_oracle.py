"""A training step run for real under torch's own counter, with what it counts wrongly or not at all put right."""

import warnings
from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode, conv_backward_flop

from analyzer.tracing.containers import leaves

aten = torch.ops.aten


def divided_by_groups(*args: Any, **given: Any) -> int:
    """torch counts the weight gradient of a grouped convolution as that of a dense one, `groups` times too much."""
    *before, groups, mask = args
    by_input = conv_backward_flop(*before, groups, [mask[0], False, False], **given)
    return by_input + conv_backward_flop(*before, groups, [False, mask[1], False], **given) // groups


divided_by_groups._get_raw = True  # type: ignore[attr-defined]  # torch's formula takes the shapes out itself


def with_a_vector(left: Any, right: Any, *_: Any, **__: Any) -> int:
    """2·M·K for (M, K) @ (K): torch's counter knows no products with a vector, and none of experts."""
    return 2 * max(prod(left), prod(right))


CORRECTED = {
    aten.convolution_backward: divided_by_groups,
    **dict.fromkeys((aten.mv, aten.dot, aten.vdot), with_a_vector),
    aten._grouped_mm: lambda left, right, *_, **__: 2 * prod(left) * right[-1],
    aten.addmv: lambda _, left, right, **__: with_a_vector(left, right),
}


def step_flops(module: nn.Module, args: Any, kwargs: Mapping[str, Any] = {}, corrected: bool = True) -> int:
    """FLOPs of a forward in training mode and the backward of the sum of its outputs, attention written out."""
    module.train()
    counter = FlopCounterMode(display=False, custom_mapping=CORRECTED if corrected else None)
    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
        return _counted(counter, module, args, kwargs)


def _counted(counter: FlopCounterMode, module: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> int:
    with counter, sdpa_kernel(SDPBackend.MATH):
        output = module(*args, **kwargs)
        results = [leaf for _, leaf in leaves(output) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
        torch.autograd.backward(results, [torch.ones_like(result) for result in results])
    return counter.get_total_flops()
