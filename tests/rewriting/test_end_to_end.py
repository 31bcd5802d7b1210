"""The whole model before and after an exact change, on the same random input."""

import pytest
import torch
from torch import nn

from analyzer.rewriting.end_to_end import output_error, refuse_inexact, relative, runs, with_random_statistics
from analyzer.values.convolution import Convolution, Identity, Proposal
from analyzer.values.errors import Problem

X = (torch.ones(1, 3, 8, 8),)
CONV = Convolution(3, 4, (3, 3), (1, 1), (0, 0), (1, 1), bias=True)
FOLDED = Proposal((("0", (CONV,)), ("1", (Identity(),))), is_exact=True)


def model():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())


def test_a_change_that_holds_is_off_by_rounding_alone():
    assert refuse_inexact(model(), [FOLDED], (X, {})) < 1e-9


def test_a_change_that_does_not_hold_names_its_layer():
    wrong, before = Proposal((("2", (Identity(),)),), is_exact=True), model()
    nn.init.constant_(before[0].bias, -9.0)  # below what 3 * 3 * 3 weights add, so that the ReLU has something to cut
    with pytest.raises(Problem, match=r"^2: the change would alter the model's output by"):
        refuse_inexact(before, [FOLDED, wrong], (X, {}))


def test_untrained_statistics_are_made_random_so_that_folding_them_shows():
    before = model()
    after = with_random_statistics(before)
    assert not torch.equal(after[1].running_mean, before[1].running_mean)
    assert torch.equal(before[1].running_mean, torch.zeros(4))
    trained = model()
    trained[1].running_mean.fill_(0.5)
    assert torch.equal(with_random_statistics(trained)[1].running_mean, trained[1].running_mean)


def test_whether_a_model_accepts_its_arguments():
    assert runs(model(), (X, {}))
    assert not runs(model(), ((torch.ones(1, 5, 8, 8),), {}))


def test_outputs_that_are_not_as_many_are_no_error_but_a_problem():
    class Twice(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(Problem, match="gives 2 outputs where the model gives 1"):
        output_error(nn.Identity(), Twice(), (X, {}))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.5]), 0.5 / 5.0),
        (torch.zeros(2), torch.tensor([0.0, 2.0]), 2.0),
        (torch.tensor([1.0, torch.nan]), torch.tensor([1.0, torch.nan]), 0.0),
        (torch.tensor([1.0, 1.0]), torch.tensor([1.0, torch.nan]), float("inf")),
        (torch.zeros(2), torch.zeros(3), float("inf")),
    ],
)
def test_the_error_is_relative_to_the_output(before, after, expected):
    assert relative(before, after) == pytest.approx(expected)
