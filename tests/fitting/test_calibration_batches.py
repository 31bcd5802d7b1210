"""Calibration inputs as they are given: labels left out, NaN refused."""

from typing import Any

import pytest
import torch
from torch import nn

import analyzer
from analyzer import Problem


def test_nan_among_the_inputs_is_refused(digits: Any, digits_model: nn.Module) -> None:
    images = digits.images[:32].clone()
    images[3, 0, 2, 2] = torch.nan
    with pytest.raises(Problem, match="NaN or infinite"):
        analyzer.fit(digits_model, images, macs=0.5)


def test_a_loader_of_pairs_gives_its_inputs_alone(digits: Any, digits_model: nn.Module) -> None:
    pairs = list(zip(digits.images[:128].split(16), digits.labels[:128].split(16), strict=True))
    plan = analyzer.fit(digits_model, pairs, macs=0.8)
    assert (plan.result.samples, plan.result.held_out) == (96, 32)
