"""Old and new pieces are compared on inputs of a size at which both round theirs alike."""

import pytest
import torch
from torch import nn

from analyzer import analyze, rewrite
from analyzer.rewriting.output_error import relative_error


@pytest.mark.parametrize("full", [(16, 16), (50, 49), (101, 17)])
def test_a_size_is_cut_by_whole_strides(full):
    old = nn.Sequential(nn.Conv2d(3, 4, 3, stride=3, padding=2))
    assert relative_error(old, old, full) == 0.0


def test_a_kernel_wider_than_usual_is_seen_whole_where_no_size_is_known():
    old = nn.Sequential(nn.Conv1d(2, 2, 33))
    assert relative_error(old, old) == 0.0


def test_advice_for_one_input_size_is_compared_at_that_size():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=36, dilation=36)).eval()
    found = [item for item in analyze(model, torch.randn(1, 2, 28, 28)).advice if item.rule == "PAD301"]
    assert [item.replacements[0].input_size for item in found] == [(28, 28)]
    assert rewrite(model, found)[0].kernel_size == (1, 1)
