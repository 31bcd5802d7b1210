"""Batch normalization is estimated anew over all calibration inputs; nothing else of the model changes."""

import pytest
import torch
from torch import nn

from analyzer.rewriting.recalibrating import distances, reestimate
from analyzer.values.errors import Problem


def batch(*args):
    return args, {}


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout()).train()


def test_statistics_are_those_of_all_batches_together():
    module = network()
    values = [torch.randn(8, 3, 5, 5), torch.randn(24, 3, 5, 5) + 1]
    assert reestimate(module, [batch(one) for one in values])
    given = module[0](torch.cat(values))
    torch.testing.assert_close(module[1].running_mean, given.mean((0, 2, 3)))
    torch.testing.assert_close(module[1].running_var, given.var((0, 2, 3)))
    assert (module[1].momentum, int(module[1].num_batches_tracked)) == (0.1, 1)
    assert (module.training, module[2].training, len(module[1]._forward_pre_hooks)) == (True, True, 0)


def test_a_batch_of_one_value_a_channel_is_taken_as_well():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
    values = torch.randn(5, 3)
    reestimate(module, [batch(row[None]) for row in values])
    torch.testing.assert_close(module[1].running_mean, module[0](values).mean(0))
    torch.testing.assert_close(module[1].running_var, module[0](values).var(0))


def test_without_stored_statistics_there_is_nothing_to_estimate():
    assert not reestimate(nn.Conv2d(3, 4, 1), [batch(torch.zeros(1, 3, 2, 2))])


def test_an_input_that_the_model_refuses_leaves_all_as_it_was():
    module = network()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(Problem, match="refuses the calibration input"):
        reestimate(module, [batch(torch.zeros(2, 5, 4, 4))])
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert (module[1].momentum, module.training, len(module[1]._forward_pre_hooks)) == (0.1, True, 0)


def test_distances_are_told_layer_by_layer_and_of_the_whole():
    module, values = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), torch.randn(4, 2)
    other = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    other[0].load_state_dict({name: 1.5 * value for name, value in module[0].state_dict().items()})
    found = distances(module, other, ["0", ""], [batch(values), batch(values)])
    assert found == pytest.approx({"0": 0.5, "": 0.5})
    assert not module[0]._forward_hooks
