"""The layers of a checkpoint without its model: their parameters, and their kind where shapes leave no doubt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from analyzer.values.counts import Layer, StoredTensor

BUFFER_NAMES = frozenset(
    (
        *("running_mean", "running_var", "num_batches_tracked", "position_ids", "inv_freq"),
        *("relative_position_index", "relative_coords_table", "attn_mask"),
    )
)
"""Tensors that layers register as buffers under these very names."""
BUFFERS_ASSUMPTION = (
    "A checkpoint does not say which tensors are parameters: all are counted as parameters "
    f"except those named {', '.join(sorted(BUFFER_NAMES))}."
)
GATES = {4: "LSTM", 3: "GRU", 1: "RNN"}
"""Rows of weight_hh over its columns, by torch.nn."""


def is_buffer(tensor: StoredTensor) -> bool:
    """Whether the tensor's name is one that layers give to buffers."""
    return tensor.name.rpartition(".")[2] in BUFFER_NAMES


def layers_of(tensors: Iterable[StoredTensor]) -> tuple[Layer, ...]:
    """A row for each group of tensors that share all of their name but its last component, in file order.

    Work is unknown without a forward: `calls` is 0, `macs` and `other_flops` are None.
    """
    groups: dict[str, dict[str, StoredTensor]] = {}
    for tensor in tensors:
        path, _, name = tensor.name.rpartition(".")
        groups.setdefault(path, {})[name] = tensor
    return tuple(
        Layer(path=path, kind=_kind(group), params=_params(group), macs=None, other_flops=None)
        for path, group in groups.items()
    )


def _params(group: Mapping[str, StoredTensor]) -> int:
    return sum(prod(tensor.shape) for tensor in group.values() if not is_buffer(tensor))


def _kind(group: Mapping[str, StoredTensor]) -> str:
    """Named for a torch layer where only that has such tensors, "-shaped" where its relatives do too, else empty."""
    if "running_mean" in group:
        return "BatchNorm-shaped"
    if "weight_hh_l0" in group:
        rows, columns = group["weight_hh_l0"].shape[:2] if len(group["weight_hh_l0"].shape) == 2 else (0, 1)
        return GATES.get(rows // max(columns, 1), "")
    if "in_proj_weight" in group:
        return "MultiheadAttention"
    return _kind_of_weight(group)


def _kind_of_weight(group: Mapping[str, StoredTensor]) -> str:
    weight, bias = group.get("weight"), group.get("bias")
    if weight is None:
        return ""
    match len(weight.shape):
        case 3 | 4 | 5 as dimensions:
            return f"Conv{dimensions - 2}d-shaped"
        case 2 if bias is not None and bias.shape == weight.shape[:1]:
            return "Linear-shaped"
        case 2:
            return "Linear- or Embedding-shaped"
        case 1:
            return "Norm-shaped"
    return ""
