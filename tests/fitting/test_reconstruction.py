"""Layers put in one by one: before a ReLU by what it lets through, and as well when the model is run in parts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from analyzer.fitting.calibration_batches import calibration_of
from analyzer.fitting.divergence import distance
from analyzer.fitting.fitter import Fitter
from analyzer.fitting.layer_choices import LayerChoice
from analyzer.fitting.reconstruction import reconstructed
from analyzer.fitting.single_changes import Baseline
from analyzer.loading import from_module


@pytest.fixture(scope="module")
def planned(digits: Any, digits_model: nn.Module, half: Any) -> tuple[Baseline, Sequence[LayerChoice]]:
    """The original and what the network at half its MACs has in it."""
    loaded = from_module(digits_model, (digits.images[:1],), {})
    fitter = Fitter(loaded, digits_model, calibration_of(digits_model, digits.images[:512]))
    taken = {layer.path: layer.label for layer in half.choices}
    chosen = [choice for choice in fitter.choices if taken.get(choice.path) == choice.label]
    assert len(chosen) == len(taken)
    return fitter.baseline, chosen


def test_fitting_before_a_relu_brings_a_trained_network_nearer(
    planned: tuple[Baseline, Sequence[LayerChoice]], half: Any
) -> None:
    """The same plan with and without, on inputs held out."""
    baseline, chosen = planned
    assert baseline.before_relu == {"0", "3", "6", "9"}
    with_relu = reconstructed(baseline, chosen, lambda _: None)
    plain = reconstructed(replace(baseline, before_relu=frozenset()), chosen, lambda _: None)
    assert not plain.rectified
    assert half.result.rectified == len(with_relu.rectified) > 0
    harms = [distance(baseline.wanted, made.model, baseline.held_out).harm for made in (with_relu, plain)]
    assert harms[0] < 0.95 * harms[1]


def test_run_in_parts_or_whole_the_weights_are_the_same(
    planned: tuple[Baseline, Sequence[LayerChoice]], digits: Any
) -> None:
    baseline, chosen = planned
    whole = replace(baseline)
    whole.__dict__["can_resume"] = False
    assert baseline.can_resume
    models = [reconstructed(one, chosen, lambda _: None).model for one in (baseline, whole)]
    with torch.no_grad():
        one, other = (model(digits.test_images) for model in models)
    assert torch.allclose(one, other, atol=1e-4)
