"""A module is given back as it was before the first forward."""

import torch
from torch import nn

from analyzer.tracing.kept_module import KeptModule


def test_what_a_forward_leaves_behind_is_taken_away():
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).to("meta")
    kept, weight = KeptModule.of(module), module[0].weight
    module.cache = {"bias": torch.empty(3, device="meta")}
    module[0].weight.data = torch.empty(2, 4, device="meta")
    module[0].weight.requires_grad_(False)
    del module._modules["1"]
    kept.give_back()
    assert not hasattr(module, "cache")
    assert module[0].weight is weight
    assert (weight.shape, weight.requires_grad, len(module)) == ((4, 4), True, 2)
