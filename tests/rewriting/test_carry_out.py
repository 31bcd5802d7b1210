"""Weights are carried over one way: with channels reordered, batch normalization estimated anew where asked."""

import torch
from torch import nn

from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.rewriting.carry_out import carry_out
from analyzer.rewriting.recalibrating import CalibrationInputs, reestimate

X = torch.zeros(1, 3, 16, 16)


def network() -> nn.Sequential:
    """Three dense layers; the middle one falls into four groups of shuffled channels."""
    torch.manual_seed(0)
    first, middle, last = nn.Conv2d(3, 64, 3), nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 10, 3)
    mask = torch.kron(torch.eye(4), torch.ones(16, 16))[torch.randperm(64)][:, torch.randperm(64)]
    middle.weight.data *= mask[:, :, None, None] + 0.02
    return nn.Sequential(first, nn.BatchNorm2d(64), nn.ReLU(), middle, nn.BatchNorm2d(64), nn.ReLU(), last).eval()


def grouped(module):
    model = study(from_module(module, (X,), {})).model
    item = next(item for item in model.advised if item.advice.rule == "GRP101" and item.advice.path == "3")
    return model, [item.proposal]


def test_with_facts_channels_are_reordered_and_the_whole_error_is_told():
    module = network()
    model, proposals = grouped(module)
    inputs = model.count.trace.inputs
    plain, better = carry_out(module, proposals, inputs=inputs), carry_out(module, proposals, model.facts, inputs)
    assert better.errors["3"] < 0.1 < 0.5 < plain.errors["3"]
    assert better.error < plain.error
    assert carry_out(module, proposals).error is None


def test_estimated_anew_a_rewritten_model_is_nearer():
    module = network()
    batches = [((torch.randn(16, 3, 16, 16),), {}) for _ in range(5)]
    reestimate(module, batches[:4])
    model = study(from_module(module, (X,), {})).model
    proposals = [item.proposal for item in model.advised if item.advice.rule == "SEP101"]
    inputs = CalibrationInputs(batches[:4], batches[4:], "five batches")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    done = carry_out(module, proposals, model.facts, calibration=inputs)
    assert done.on_calibration.keys() == {"3", ""}
    assert all(error.reestimated < error.carried for error in done.on_calibration.values())
    assert done.calibration == "five batches"
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
