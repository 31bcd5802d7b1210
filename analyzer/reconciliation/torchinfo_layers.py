"""torchinfo: parameters of leaf layers times the first size of their outputs.

Its conventions, read in torchinfo 1.8: a convolution's parameters, bias included, count at every position; those of a
linear layer, an embedding or a normalization once an image, whatever the tokens. What has no parameters of its own, or
layers below it, counts nothing: functions, SDPA, attention layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from torch import nn

from analyzer.reconciliation.contributions import (
    BIAS,
    CONVOLUTION,
    NORMALIZATION,
    PRODUCTS,
    RECURRENT,
    Contribution,
    Unpredictable,
)
from analyzer.reconciliation.module_trees import refuse_scripts
from analyzer.tracing.calls import ForwardCalls, ModuleCall, Packed, Shaped

PARAMETERS = "parameters of other layers"


def printed_by_torchinfo(calls: ForwardCalls) -> tuple[int, list[Contribution]]:
    """The multiply-adds that it prints, and what it adds up."""
    refuse_scripts(calls.root)
    parts = [part for call in calls.modules for part in _parts(call)]
    return int(sum(part.macs for part in parts)), parts


def _parts(call: ModuleCall) -> Iterator[Contribution]:
    """Every call's output is looked at, also of layers that add nothing."""
    sizes = _sizes(call.output)
    kind = type(call.module).__name__
    for name, parameter in call.module.named_parameters():
        if name.endswith("_orig"):
            raise Unpredictable("it looks into the masks of pruned weights")
        times = _times(name, sizes, kind)
        if times is not None and not any(call.module.children()):
            yield Contribution(_family(name, call.module), call.path, times * parameter.numel())


def _times(name: str, sizes: list[int], kind: str) -> int | None:
    if name in ("weight", "bias"):
        if not sizes and "Conv" not in kind:
            raise Unpredictable(f"it fails on a {kind} whose output has no sizes")
        return prod((*sizes[:1], *sizes[2:])) if "Conv" in kind else sizes[0]
    return prod(sizes[:2]) if "weight" in name or "bias" in name else None


def _family(name: str, module: nn.Module) -> str:
    kind = type(module).__name__
    if "bias" in name:
        return BIAS
    if "Norm" in kind:
        return NORMALIZATION
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return RECURRENT
    if "Conv" in kind:
        return CONVOLUTION
    return PRODUCTS if isinstance(module, nn.Linear) else PARAMETERS


def _sizes(output: Any) -> list[int]:
    """The sizes of the tensor that it takes for the output: the first of a tuple, the last of a dictionary."""
    if output is None:
        return []
    if isinstance(output, Packed):
        return list(output.data.shape)
    if isinstance(output, list | tuple):
        return _first(output)
    if isinstance(output, dict):
        return _first(list(output.values())[-1])
    if isinstance(output, Shaped | np.ndarray):
        return list(output.shape)
    raise Unpredictable(f"it refuses a layer that returns a {type(output).__name__}")


def _first(value: Any) -> list[int]:
    if isinstance(value, Shaped | np.ndarray):
        return list(value.shape)
    if isinstance(value, Packed):
        return _first(value.data)
    if isinstance(value, dict):
        return _first(list(value.values()))
    return _first(value[0]) if isinstance(value, list | tuple) and value else []
