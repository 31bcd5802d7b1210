"""Turns a trained model into a smaller trained one that meets budgets, with the harm measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from analyzer.fitting.calibration_batches import calibration_of, sliced
from analyzer.fitting.fit_budgets import of_arguments
from analyzer.fitting.fit_plan import FitPlan, fitted
from analyzer.fitting.fitter import Fitter
from analyzer.fitting.networks import sharing_copy
from analyzer.fitting.planner import Clock, Planner

__all__ = ["FitPlan", "Fitter", "Planner", "fit_module", "fitted"]


def fit_module(
    model: nn.Module,
    inputs: Any,
    budgets: Mapping[str, int | float | str | None],
    clock: Clock,
    progress: Callable[[str], None] = lambda _: None,
) -> FitPlan:
    """As `analyzer.fit`: a plan for a module in memory, counted for one sample of the first batch.

    A model inside torch.compile or data parallelism is taken out of it. `clock` gives the estimated times.
    """
    from analyzer.loading import from_module
    from analyzer.loading.wrappers import inner_module

    model = inner_module(model)
    asked = of_arguments(budgets)
    calibration = calibration_of(model, inputs)
    one = sliced(calibration.batches[0], slice(0, 1))
    loaded = from_module(sharing_copy(model), one.args, one.kwargs, type(model).__name__)
    fitter = Fitter(loaded, model, calibration, progress).without_dead_channels()
    return fitted(Planner(fitter, asked, *clock(fitter.facts)))
