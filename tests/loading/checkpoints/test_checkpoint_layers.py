"""Layers of a checkpoint alone: parameters exact, kinds only where shapes leave no doubt."""

import pytest
import torch
from torch import nn

from analyzer.loading.checkpoints.checkpoint_layers import BUFFERS_ASSUMPTION, is_buffer, layers_of
from analyzer.values.counts import Layer, StoredTensor


def stored(module):
    return [
        StoredTensor(name, tuple(value.shape), "float32", value.numel() * 4)
        for name, value in module.state_dict().items()
    ]


def test_tensors_are_grouped_by_the_module_that_holds_them():
    net = nn.Sequential(nn.Conv2d(3, 8, 5), nn.BatchNorm2d(8), nn.Linear(8, 2))
    assert layers_of(stored(net)) == (
        Layer("0", "Conv2d-shaped", params=3 * 8 * 5 * 5 + 8, macs=None, other_flops=None),
        Layer("1", "BatchNorm-shaped", params=8 + 8, macs=None, other_flops=None),
        Layer("2", "Linear-shaped", params=8 * 2 + 2, macs=None, other_flops=None),
    )


def test_bare_tensors_belong_to_the_root():
    (layer,) = layers_of([StoredTensor("scale", (7,), "float32", 28)])
    assert (layer.path, layer.kind, layer.params) == ("", "", 7)


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (nn.Conv1d(2, 3, 3), "Conv1d-shaped"),
        (nn.ConvTranspose3d(2, 3, 3), "Conv3d-shaped"),
        (nn.Linear(2, 3, bias=False), "Linear- or Embedding-shaped"),
        (nn.Embedding(2, 3), "Linear- or Embedding-shaped"),
        (nn.LayerNorm(4), "Norm-shaped"),
        (nn.BatchNorm1d(4, affine=False), "BatchNorm-shaped"),
        (nn.LSTM(2, 3, bidirectional=True), "LSTM"),
        (nn.GRU(2, 3), "GRU"),
        (nn.RNN(2, 3), "RNN"),
        (nn.MultiheadAttention(4, 2), "MultiheadAttention"),
        (nn.Bilinear(4, 4, 2), "Conv1d-shaped"),
        (nn.ParameterDict({"gamma": torch.ones(2)}), ""),
    ],
)
def test_kinds(module, kind):
    assert layers_of(stored(module))[0].kind == kind


def test_buffers_are_told_by_name_and_the_assumption_names_them():
    assert is_buffer(StoredTensor("bn.running_mean", (4,), "float32", 16))
    assert not is_buffer(StoredTensor("running_mean.weight", (4,), "float32", 16))
    assert not is_buffer(StoredTensor("qweight", (4,), "int32", 16))
    assert "running_mean" in BUFFERS_ASSUMPTION
