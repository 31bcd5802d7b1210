"""How counters walk a model, and which models they see only in part."""

from collections import Counter

import pytest
import torch
from torch import nn

from analyzer.reconciliation.contributions import Unpredictable
from analyzer.reconciliation.module_trees import (
    by_type,
    positional,
    qualified,
    refuse_fused_attention,
    refuse_scripts,
    refuse_unnamed,
    visits,
    walked,
)


def shared() -> tuple[nn.Module, nn.Module]:
    """A layer twice below one module, and once below another."""
    layer = nn.Linear(2, 2)
    return nn.ModuleList([nn.Sequential(layer, layer), nn.Sequential(layer)]), layer


def test_a_module_is_visited_once_for_each_parent() -> None:
    root, layer = shared()
    assert Counter(id(module) for module in visits(root))[id(layer)] == 2
    assert list(walked(root, lambda module: module is layer)) == [layer, layer]
    assert list(walked(root, lambda module: isinstance(module, nn.ModuleList))) == [root]


def test_classes_are_told_exactly() -> None:
    table = by_type({"Linear Conv2d": 1, "ReLU": 2})
    assert (table[nn.Linear], table[nn.ReLU], table.get(nn.Bilinear)) == (1, 2, None)
    assert qualified(nn.Linear(1, 1)) == "torch.nn.modules.linear.Linear"


def test_arguments_by_name_that_have_a_position() -> None:
    class Two(nn.Module):
        def forward(self, x: int, y: int = 0, *, z: int = 0) -> int:
            return x + y + z

    assert positional(Two(), (1,), {"y": 2}) == (1, 2)
    assert positional(Two(), (1, 2), {}) == (1, 2)
    for given in ({"z": 1}, {"y": 1}):
        with pytest.raises(Unpredictable, match="by position only"):
            positional(Two(), (), given)


def test_several_arguments_without_names() -> None:
    class Any(nn.Module):
        def forward(self, *args: int) -> int:
            return sum(args)

    refuse_unnamed(Any(), (1,), {})
    refuse_unnamed(nn.Bilinear(1, 1, 1), (1, 2), {})
    with pytest.raises(Unpredictable, match="by name"):
        refuse_unnamed(Any(), (1, 2), {})


def test_scripts_and_frozen_attention_are_refused() -> None:
    plain, attention = nn.Sequential(nn.Linear(2, 2)), nn.MultiheadAttention(4, 2)
    for refuse in (refuse_scripts, refuse_fused_attention):
        refuse(plain)
        refuse(attention)
    with pytest.raises(Unpredictable, match="TorchScript"):
        refuse_scripts(nn.Sequential(torch.jit.trace(plain, torch.rand(1, 2))))
    with pytest.raises(Unpredictable, match="fused path"):
        refuse_fused_attention(attention.requires_grad_(False))
