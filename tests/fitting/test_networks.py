"""What a model refuses is told with the layer that refuses it."""

import pytest
import torch
from torch import nn

import analyzer
from analyzer import Problem


def test_inputs_that_the_model_refuses_name_the_layer(digits_model: nn.Module) -> None:
    with pytest.raises(Problem, match=r"layer `0`.*1×3×8×8"):
        analyzer.fit(digits_model, torch.zeros(8, 3, 8, 8), macs=0.5)
