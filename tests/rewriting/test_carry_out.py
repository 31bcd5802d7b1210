"""Weights are carried over one way: with channels reordered, batch normalization estimated anew where asked."""

import pytest
import torch
from torch import nn

from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.rewriting.carry_out import carry_out, reestimate
from analyzer.values.errors import Problem

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


def test_statistics_are_the_mean_over_the_batches():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout()).train()
    batches = [torch.randn(8, 3, 5, 5), torch.randn(8, 3, 5, 5) + 1]
    reestimate(module, batches)
    given = [module[0](batch) for batch in batches]
    mean = torch.stack([one.mean((0, 2, 3)) for one in given]).mean(0)
    variance = torch.stack([one.var((0, 2, 3)) for one in given]).mean(0)
    torch.testing.assert_close(module[1].running_mean, mean)
    torch.testing.assert_close(module[1].running_var, variance)
    assert (module[1].momentum, module.training, module[2].training) == (0.1, True, True)


def test_estimated_anew_a_rewritten_model_is_nearer():
    module = network()
    batches = [torch.randn(16, 3, 16, 16) for _ in range(4)]
    reestimate(module, batches)
    model = study(from_module(module, (X,), {})).model
    proposals = [item.proposal for item in model.advised if item.advice.rule == "SEP101"]
    before, x = module(batches[0]), batches[0]
    carried, again = (carry_out(module, proposals, calibration=given).module(x) for given in (None, batches))
    assert (again - before).norm() < (carried - before).norm()


@pytest.mark.parametrize(
    ("batches", "told"), [([], "no calibration inputs"), ([torch.zeros(2, 5, 4, 4)], "refuses a calibration input")]
)
def test_inputs_that_cannot_be_are_refused_and_modes_kept(batches, told):
    module = network()
    with pytest.raises(Problem, match=told):
        reestimate(module, batches)
    assert (module[1].momentum, module[1].training) == (0.1, False)
