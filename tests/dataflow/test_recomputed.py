"""What a layer with a computed weight takes, and the plain layer within it."""

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.values.convolution import Linear


def layers(module, value):
    return {layer.path: layer for layer in study(from_module(module.eval(), (value,), {})).model.facts.recomputed}


def test_parameters_work_and_calls_are_those_of_the_whole_layer():
    shared = weight_norm(nn.Conv2d(4, 4, 3, padding=1))
    (layer,) = layers(nn.Sequential(shared, nn.ReLU(), shared), torch.zeros(1, 4, 5, 5)).values()
    work = 2 * 5 * 5 * 4 * 4 * 9
    assert (layer.path, layer.params, layer.macs, layer.plain_macs, layer.calls) == ("0", 4 * 4 * 9 + 8, work, work, 2)
    assert layer.plain.params == 4 * 4 * 9 + 4


def test_the_work_of_computing_the_weight_is_told_apart():
    (layer,) = layers(nn.Sequential(spectral_norm(nn.Linear(8, 5, bias=False))), torch.zeros(3, 8)).values()
    assert layer.plain == Linear(8, 5, bias=False)
    assert layer.plain_macs == 3 * 8 * 5
    assert layer.macs > layer.plain_macs
