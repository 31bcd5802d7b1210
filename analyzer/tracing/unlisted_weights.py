"""Weights that a forward uses and that are not among the model's parameters, as sentences for the report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from analyzer.tracing.containers import flat


def unlisted_weights(module: nn.Module, unknown: list[torch.Tensor]) -> Iterator[str]:
    """What of packed, frozen and foreign weights there is; `unknown` are tensors that the forward did not make."""
    packed = _packed(module)
    if packed:
        yield f"parameters in packed weights: {packed:,}, apart from the total"
    foreign = sum(tensor.numel() for tensor in unknown if isinstance(tensor, nn.Parameter))
    if foreign:
        yield f"parameters that the forward uses and the model does not hold: {foreign:,}, apart from the total"
    frozen = sum(tensor.numel() for tensor in _constants(module).values())
    if frozen:
        yield f"weights that frozen TorchScript holds as constants: {frozen:,}, apart from the total"


def _packed(module: nn.Module) -> int:
    """Elements of weights and biases in the packed form of quantized kernels, each object once."""
    held = [value for child in module.modules() for value in vars(child).values()]
    objects = {hash(value): value for value in held if type(value) is torch.ScriptObject}
    return sum(tensor.numel() for value in objects.values() for tensor in _tensors(value))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors of a packed object; one that is made of packed objects repeats their biases beside them."""
    if hasattr(value, "unpack"):
        items = list(flat(value.unpack()))
    else:
        items = list(flat(value.__getstate__())) if value._has_method("__getstate__") else []
    packed = [item for item in items if type(item) is torch.ScriptObject]
    for item in packed:
        yield from _tensors(item)
    if not packed:
        yield from (item for item in items if isinstance(item, torch.Tensor))


def _constants(module: nn.Module) -> dict[Any, torch.Tensor]:
    """The tensors in the code of frozen TorchScript, by their place: freezing inlines every weight."""
    scripted = [child for child in module.modules() if isinstance(child, torch.jit.ScriptModule)]
    frozen = [child for child in scripted if next(child.parameters(), None) is None and hasattr(child, "inlined_graph")]
    graphs: list[Any] = [child.inlined_graph for child in frozen]  # a node lives no longer than its graph
    nodes = [node for graph in graphs for node in graph.findAllNodes("prim::Constant")]
    values = [node.t("value") for node in nodes if "value" in node.attributeNames() and node.kindOf("value") == "t"]
    weights = [value for value in values if value.is_floating_point() and value.dim()]
    return {(value.data_ptr(), tuple(value.shape)): value for value in weights}
