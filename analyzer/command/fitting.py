"""Fits one model as the command asks, writes its files, and analyses what came of it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from analyzer.values.errors import Problem
from analyzer.values.requests import AnalysisOptions, WorkRequest

if TYPE_CHECKING:
    from analyzer.advising.advisor import AdvisedModel
    from analyzer.analysis import Study
    from analyzer.fitting import FitPlan

Progress = Callable[[str], None]


def fitted_study(study: Study, request: WorkRequest, progress: Progress, can_stop: Callable[[], None]) -> Study:
    """The study of the fitted model; its files are written first, all or none.

    Once `can_stop` was called, an interrupt ends the measuring, and the plan so far is carried out. Raises Problem for
    a checkpoint without its model, for files that must not be replaced, and when no plan meets the budgets.
    """
    from analyzer.analysis import study as study_of
    from analyzer.estimating.nanoseconds import clock
    from analyzer.fitting.fit_budgets import parsed
    from analyzer.fitting.loaded_fit import fit_loaded

    goals = parsed(request.fitting.budgets)
    if study.model is None:
        raise Problem(f"{study.analysis.model.target}: without a forward there is nothing to fit")
    _refuse_places(request)
    loaded, device = study.model.loaded, request.options.device
    inputs = study.model.count.trace.inputs
    interrupted = Event()
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())  # from now on nothing is cut short
    can_stop()
    timer = partial(clock, device=device)
    plan = fit_loaded(loaded, goals, inputs, request.fitting.calibrate, timer, progress, interrupted.is_set)
    _write(plan, study.model, request)
    name = f"{study.analysis.model.name}-fitted"
    smaller = replace(loaded, name=name, module=plan.model, materialize=None, owned=False)
    after = study_of(smaller, AnalysisOptions(advice=False, device=device), progress)
    return replace(after, analysis=replace(after.analysis, fit=plan.result))


def _places(request: WorkRequest) -> tuple[str, ...]:
    script = request.fitting.finetune_script
    return (*request.rewriting.files, *([script] if script else []))


def _refuse_places(request: WorkRequest) -> None:
    """Before the work, so that no minutes are lost on a file that must not be replaced."""
    from analyzer.fitting.finetune_script import refuse_without_files
    from analyzer.rewriting.saving import refuse_existing

    if request.fitting.finetune_script:
        refuse_without_files(request.models[0].target, request.rewriting)
    for place in _places(request):
        refuse_existing(Path(place), request.rewriting.force)


def _write(plan: FitPlan, advised: AdvisedModel, request: WorkRequest) -> None:
    from analyzer.fitting.finetune_script import script, write
    from analyzer.rewriting.export import emit
    from analyzer.rewriting.saving import save

    rewriting, (model,), finetune = request.rewriting, request.models, request.fitting.finetune_script
    if rewriting.save and plan.is_untrained:
        raise Problem("--save: there are no trained weights to save; give them with --checkpoint, or leave --save out")
    with all_or_none(_places(request)):
        if rewriting.emit:
            inputs, saved = advised.count.trace.inputs, plan.model if rewriting.save else None
            emit(advised.loaded, plan.swaps, Path(rewriting.emit), rewriting.force, model.settings, inputs, saved)
        if rewriting.save:
            save(plan.model, Path(rewriting.save), rewriting.force)
        if finetune:
            write(Path(finetune), script(model, rewriting, Path(finetune).name))


@contextmanager
def all_or_none(places: Sequence[str]) -> Iterator[None]:
    """Nothing new is left behind when one of the files cannot be written."""
    new = [Path(place) for place in places if not Path(place).exists()]
    try:
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):
                path.unlink()
        raise
