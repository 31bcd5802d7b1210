"""Fits a model that was loaded for a report: its calibration inputs found, its weights checked for being trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from analyzer.fitting.calibration_batches import Calibration, random_calibration, sliced
from analyzer.fitting.exporting import exported
from analyzer.fitting.fit_budgets import Goal
from analyzer.fitting.fit_plan import FitPlan, fitted
from analyzer.fitting.fitter import Fitter
from analyzer.fitting.input_files import calibration_beside, calibration_from
from analyzer.fitting.networks import Batch, norms
from analyzer.fitting.planner import Clock, Planner
from analyzer.loading.loaded_model import LoadedModel
from analyzer.loading.zoos import zoo_of
from analyzer.values.counts import Input

UNTRAINED = (
    "no checkpoint was given and the weights look untrained: harm of random weights means nothing, so only the "
    "structure of this plan is of use"
)

OF_THE_FILE = (
    "no checkpoint was given, so the weights are those that the file's own code gives the model: harm means nothing "
    "unless that loads trained ones"
)


def fit_loaded(
    loaded: LoadedModel,
    goals: tuple[Goal, ...],
    inputs: tuple[Input, ...],
    place: str | None,
    clock: Clock,
    progress: Callable[[str], None],
    is_stopped: Callable[[], bool] = lambda: False,
) -> FitPlan:
    """The plan for a loaded model, with the calibration inputs at a place, beside the model, or random ones.

    `inputs` are those that it was traced with, `clock` gives the estimated times; once `is_stopped`, no further layer
    is measured. Raises Problem as `analyzer.fit`.
    """
    with loaded.surroundings():
        model = loaded.materialize() if loaded.materialize else loaded.module
        calibration = calibration_for(loaded, model, inputs, place)
        source = replace(loaded, materialize=lambda: model) if loaded.materialize else loaded
        fitter = Fitter(source, model, calibration, lambda text: progress(f"{loaded.name}: {text}"), is_stopped)
        fitter = fitter.without_dead_channels()
        plan = fitted(Planner(fitter, goals, *clock(fitter.facts)))
        fitter.progress("exporting the fitted model")
        return _with_exports(plan, sliced(calibration.held_out[0], slice(0, 1)))


def _with_exports(plan: FitPlan, one: Batch) -> FitPlan:
    taken, refused = exported(plan.model, one)
    result = replace(plan.result, exports=taken, assumptions=(*plan.result.assumptions, *refused))
    return replace(plan, result=result)


def calibration_for(loaded: LoadedModel, model: nn.Module, inputs: tuple[Input, ...], place: str | None) -> Calibration:
    """The inputs at a place, beside the model, or random ones, and whether the weights look untrained."""
    if place is not None:
        found = calibration_from(place, model, inputs[0].shape[2:] if inputs else ())
    else:
        found = calibration_beside(loaded.target, model) or random_calibration(inputs)
    if loaded.checkpoint is not None:
        return found
    is_untrained = bool(zoo_of(loaded.target)) or looks_untrained(model)
    said = UNTRAINED if is_untrained else OF_THE_FILE
    return replace(found, is_untrained=is_untrained, assumptions=(*found.assumptions, said))


def looks_untrained(model: nn.Module) -> bool:
    """Whether the statistics of all normalizations are as they are before the first step."""
    stored = list(norms(model))
    return bool(stored) and all(norm.running_mean is not None and not norm.running_mean.any() for norm in stored)
