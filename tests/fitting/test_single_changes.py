"""Predicted harm against real drops, and an interrupt while it is measured."""

from typing import Any

from torch import nn

import analyzer


def test_the_predicted_harm_ranks_real_drops(digits: Any, digits_model: nn.Module) -> None:
    """The 30 changes that harm most, of one layer each; those that drop nothing have no order."""
    from scipy.stats import spearmanr

    from analyzer.fitting.calibration_batches import calibration_of
    from analyzer.fitting.fitter import Fitter
    from analyzer.fitting.networks import sharing_copy
    from analyzer.fitting.reconstruction import reconstructed
    from analyzer.loading import from_module

    loaded = from_module(sharing_copy(digits_model), (digits.images[:1],), {})
    fitter = Fitter(loaded, digits_model, calibration_of(digits_model, digits.images[:512]))
    hardest = [item for item in sorted(fitter.harmed, key=lambda item: item.harm) if item.choice.kind != "grouped"]
    pairs = []
    for item in hardest[-30:]:
        changed = reconstructed(fitter.baseline, [item.choice], lambda _: None).model
        pairs.append((item.harm, digits.accuracy(digits_model) - digits.accuracy(changed)))
    assert len(pairs) == 30
    assert spearmanr(*zip(*pairs, strict=True)).statistic >= 0.8


def test_an_interrupt_plans_with_what_was_measured(digits: Any, digits_model: nn.Module) -> None:
    def interrupt(text: str) -> None:
        if "layer 5 of 5" in text:
            raise KeyboardInterrupt

    plan = analyzer.fit(digits_model, digits.images[:64], macs=0.7, progress=interrupt)
    assert plan.result.budgets[0].traced == plan.result.budgets[0].promised
    assert "measuring was stopped after 4 of 5 layers, so the others stay as they are" in plan.result.assumptions
