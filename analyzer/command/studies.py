"""What a worker does: load, analyse, time and rewrite the models of one request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.command.fitting import all_or_none, fitted_study
from analyzer.command.own_formulas import own_formulas
from analyzer.command.time_limit import time_limit
from analyzer.gating.channel import Message
from analyzer.values.errors import Problem
from analyzer.values.requests import AnalysisOptions, ModelRequest, TimingOptions, WorkRequest

if TYPE_CHECKING:
    from analyzer.advising import Advised
    from analyzer.analysis import Study
    from analyzer.rewriting.recalibrating import CalibrationInputs
    from analyzer.values.estimates import ProposalTime
    from analyzer.values.results import Analysis

Progress = Callable[[str], None]


def studied(request: WorkRequest, tell: Callable[[Message], None]) -> Iterator[Analysis]:
    """The analyses in the order of the models, then those of the rewritten ones; Problem when one cannot be."""

    def progress(text: str) -> None:
        tell(Message(progress=text))

    with own_formulas(request.options.formulas):
        yield from _studied(request, tell, progress)


def _studied(request: WorkRequest, tell: Callable[[Message], None], progress: Progress) -> Iterator[Analysis]:
    from analyzer.formulas.registered import BY_HAND, forget_all_but

    options = request.options
    if request.on_this_machine:
        from analyzer.measuring.calibration import this_device

        options = replace(options, device=this_device(request.timing.threads, progress))
    studies, before = [], dict(BY_HAND)
    for model in request.models:
        forget_all_but(before)
        tell(Message(begun=model.target))
        with time_limit(request.timeout, model.target, lambda said: tell(Message(problem=said))):
            studies.append(_study(model, options, progress))
    if request.fitting.calibrate and not (request.fitting.wanted or request.rewriting.apply):
        studies = [_with_harms(study, request.fitting.calibrate, progress) for study in studies]
    if request.fitting.wanted:
        studies.append(fitted_study(studies[0], request, progress, lambda: tell(Message(keeps=True))))
    analyses = [study.analysis for study in studies]
    yield from _timed(analyses, studies, request.timing, progress) if request.timing.wanted else analyses
    if request.rewriting.wanted and not request.fitting.wanted:
        for model, study in zip(request.models, studies, strict=True):
            yield _rewritten(study, model, request, progress)


def _study(model: ModelRequest, options: AnalysisOptions, progress: Progress) -> Study:
    from analyzer.analysis import study, study_of_checkpoint
    from analyzer.loading import load
    from analyzer.loading.loaded_model import LoadedModel

    loaded = load(model)
    options = replace(options, symbolic=options.symbolic or model.symbolic)
    found = (
        study(loaded, options, progress)
        if isinstance(loaded, LoadedModel)
        else study_of_checkpoint(model.target, loaded)
    )
    analysis = found.analysis
    named = replace(analysis, model=replace(analysis.model, name=model.name)) if model.name else analysis
    return replace(found, analysis=named)


def _with_harms(study: Study, place: str, progress: Progress) -> Study:
    """The advice with the harm that was measured on the calibration inputs at a place."""
    from analyzer.advising.measured_harm import to_measure
    from analyzer.analysis import with_harms
    from analyzer.fitting.proposal_harms import measured_harms

    model = study.model
    if model is None or model.facts is None:
        raise Problem(f"{study.analysis.model.target}: without a forward there is no advice to measure")
    proposals = [item.proposal for item in to_measure(model.advised) if item.proposal]
    found = measured_harms(model.loaded, model.count.trace.inputs, place, proposals, model.facts, progress)
    return with_harms(study, found.harms, found.measurement)


def _timed(analyses: list[Analysis], studies: list[Study], timing: TimingOptions, progress: Progress) -> list[Analysis]:
    """The analyses with what the clock says, the advice by measured gain; several models are timed in turns as well."""
    from analyzer.advising.ranking import by_measured_gain
    from analyzer.formats.wording.durations import noise_words
    from analyzer.measuring import Settings, measure, side_by_side

    settings = Settings(timing.device, timing.threads, timing.batch, timing.dtype, timing.channels_last)
    timed = []
    for analysis, study in zip(analyses, studies, strict=True):
        if study.model is None:
            raise Problem(f"{analysis.model.target}: without a forward there is nothing to time")
        latency = measure(study.model, settings, progress, _promises(analysis), noise_words)
        advice = by_measured_gain(analysis.advice, latency)
        timed.append(replace(analysis, latency=latency, advice=advice))
    if len(timed) < 2 or any(one.latency and one.latency.partial for one in timed):
        return timed
    turns = side_by_side([study.model for study in studies if study.model], settings, progress, noise_words)
    return [replace(one, latency=replace(one.latency, comparison=turns)) for one in timed if one.latency]


def _promises(analysis: Analysis) -> Callable[[Advised], tuple[float, float] | None]:
    """The range of the time ratio that the estimates give a proposal."""
    times = analysis.estimates.time.proposals if analysis.estimates else ()
    ratios = {(item.rule, item.path): _range(item) for item in times}
    return lambda item: ratios.get((item.advice.rule, item.advice.path))


def _range(item: ProposalTime) -> tuple[float, float]:
    """The ratio, as far off as the time after it may be."""
    spread = sqrt(item.after.high / item.after.low) if item.after.low else 1.0
    return item.ratio / spread, item.ratio * spread


def _calibration(study: Study, place: str | None) -> CalibrationInputs | None:
    if place is None or study.model is None:
        return None
    from analyzer.fitting.input_files import calibration_from
    from analyzer.rewriting.recalibrating import CalibrationInputs

    inputs = study.model.count.trace.inputs
    found = calibration_from(place, study.model.loaded.module, inputs[0].shape[2:] if inputs else ())
    return CalibrationInputs(found.batches, found.held_out, found.source)


def _rewritten(study: Study, model: ModelRequest, request: WorkRequest, progress: Progress) -> Analysis:
    """The analysis of the model with the advice applied; its file and its weights are written first."""
    from analyzer.advising.selection import applied
    from analyzer.analysis import study as study_of
    from analyzer.rewriting.saving import refuse_existing

    if study.model is None:
        raise Problem(f"{study.analysis.model.target}: without a forward there is no advice to apply")
    rewriting, carried = request.rewriting, None
    chosen = applied(study.model, rewriting.apply)
    for place in rewriting.files:  # before anything is written, so that a file is not left without its weights
        refuse_existing(Path(place), rewriting.force)
    calibration = _calibration(study, request.fitting.calibrate)
    if rewriting.files:
        progress(f"{study.analysis.model.name}: comparing outputs")
        chosen.refuse_inexact(study.model)
    if rewriting.save and not rewriting.force:
        chosen.refuse_random()
    if rewriting.save:
        progress(f"{study.analysis.model.name}: carrying weights over")
        carried = chosen.carried_out(study.model, calibration)
    with all_or_none(rewriting.files):
        chosen.write(rewriting, model.settings, study.model, carried)
    after = study_of(chosen.rewritten, AnalysisOptions(advice=False), progress).analysis
    return replace(after, rewriting=chosen.record(carried))
