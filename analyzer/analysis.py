"""One model through all stages: trace, count, find facts, advise, estimate; each hands plain values to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from analyzer.advising import untimed
from analyzer.advising.advisor import AdvisedModel, advise_model
from analyzer.advising.measured_harm import with_harms as rank_by_harm
from analyzer.advising.proofs import Proofs
from analyzer.dataflow import facts_of
from analyzer.dataflow.receptive_field.fields import Field, receptive_fields, with_fields
from analyzer.estimating import estimate
from analyzer.estimating.latency import time_estimate
from analyzer.estimating.proposal_times import proposal_timer
from analyzer.estimating.step_costs import steps_of
from analyzer.formats.html import notebook
from analyzer.formats.wording.advice_words import worded, worded_plan
from analyzer.formulas import used_formulas
from analyzer.formulas.count import Count, with_sources
from analyzer.formulas.training_costs import training_work
from analyzer.rules import selected
from analyzer.values.absences import Absences
from analyzer.values.counts import Model, Total, Tracing
from analyzer.values.facts import ModelFacts
from analyzer.values.requests import PLAIN, AnalysisOptions
from analyzer.values.results import Analysis, SecondOpinion
from analyzer.values.size_sweeps import SizedTotal
from analyzer.version import VERSION

if TYPE_CHECKING:
    from analyzer.loading.checkpoints.checkpoint import Checkpoint
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.tracing.training_step import FollowedStep
    from analyzer.values.advice import HarmMeasurement, PlanStep
    from analyzer.values.estimates import Estimates, TimeEstimate, TrainingFootprint
    from analyzer.values.graph import Trace
    from analyzer.values.steps import Steps

Progress = Callable[[str], None]
NO_FORWARD = "a checkpoint alone does not say what the forward computes: give the model's file, with --checkpoint"


@dataclass(frozen=True)
class Study:
    """An analysis and the advised model behind it, which can be timed and rewritten; None for a checkpoint alone."""

    analysis: Analysis
    model: AdvisedModel | None = None


def study(loaded: LoadedModel, options: AnalysisOptions = PLAIN, progress: Progress = lambda _: None) -> Study:
    """Trace, count, find facts, advise and estimate, in this order.

    Raises Problem, one sentence for the user, when the forward cannot be followed.
    """
    from analyzer.rewriting.constant_weights import answers_kept
    from analyzer.tracing.collector import collector_spared

    notebook.attach()
    with answers_kept(), collector_spared():
        return _study(loaded, options, progress)


def _study(loaded: LoadedModel, options: AnalysisOptions, progress: Progress) -> Study:
    from analyzer.loading.wrappers import unwrapped
    from analyzer.tracing import OperatorMemo, trace

    memo = OperatorMemo()
    count, absences = Count(trace(loaded, progress, memo)), Absences()
    fields = absences.attempt("receptive fields", lambda: receptive_fields(count.trace), {})
    time = absences.attempt("estimates", lambda: time_estimate(count, options.device), None)
    inner = unwrapped(loaded)
    facts = absences.attempt("advice", lambda: _facts(inner, count, fields, time, options, absences), None)
    unadvised = AdvisedModel(inner, count, Proofs(inner, count.trace, memo))
    advised = absences.attempt("advice", lambda: _advised(unadvised, facts, time, options, absences), unadvised)
    step = _training_step(inner, count.trace, options, progress, absences)
    footprint = step.footprint if step else None
    estimates = absences.attempt("estimates", lambda: _estimates(advised, time, footprint, options), None)
    training = absences.attempt("training step", lambda: training_work(step.step) if step else None, None)
    steps = absences.attempt("steps", lambda: _steps(loaded, count.trace, options, progress), None)
    found = replace(_analysis(advised, fields, estimates, options, progress), training=training, steps=steps)
    analysis = replace(found, absences=tuple(absences.found))
    return Study(_with_formulas(analysis, loaded, count, options, progress), advised)


def _steps(loaded: LoadedModel, trace: Trace, options: AnalysisOptions, progress: Progress) -> Steps | None:
    if not options.steps:
        return None
    from analyzer.tracing.step_traces import step_traces

    progress(f"{loaded.name}: following one more token")
    return steps_of(step_traces(loaded, trace), options.device)


def _with_formulas(
    analysis: Analysis, loaded: LoadedModel, count: Count, options: AnalysisOptions, progress: Progress
) -> Analysis:
    """The analysis with its costs as polynomials, and the totals at other sizes, where these are wanted or named."""
    from analyzer.tracing.resizing import named_axes, retracing

    names = named_axes(loaded, count.trace)
    if not options.symbolic and not options.at and not names:
        return analysis
    from analyzer.scaling import scaling_of
    from analyzer.tracing.symbolic_sizes import symbolic_trace

    progress(f"{loaded.name}: tracing at other sizes")
    sources = {layer.path: f"{layer.file}:{layer.line}" for layer in analysis.layers if layer.file}
    second = partial(symbolic_trace, loaded, count.trace)
    with retracing(loaded, count.trace) as again:
        scaling = scaling_of(count, analysis.layers, again, sources, second, names)
    told = replace(analysis, scaling=scaling)
    return replace(told, sizes=tuple(SizedTotal(told.at(**sizes).total, dict(sizes)) for sizes in options.at))


def with_harms(study: Study, harms: Sequence[float | None], measurement: HarmMeasurement) -> Study:
    """The study with what was measured of the suggestions that `to_measure` gives, ranked and planned by it."""
    if study.model is None:
        return study
    absences = Absences(list(study.analysis.absences))
    if measurement.measured < measurement.suggestions:
        said = f"measured for {measurement.measured} of {measurement.suggestions} suggestions and alternatives"
        absences.note("harm", "", f"{said}: those that come first, as far as the work allows and weights can be kept")
    model = rank_by_harm(study.model, harms, absences)
    analysis = replace(
        study.analysis,
        advice=tuple(map(worded, model.advised)),
        together=model.together,
        plan=_plan(model),
        harm_measurement=measurement,
        absences=tuple(absences.found),
    )
    return Study(analysis, model)


def _facts(
    loaded: LoadedModel,
    count: Count,
    fields: Mapping[str, Field],
    time: TimeEstimate | None,
    options: AnalysisOptions,
    absences: Absences,
) -> ModelFacts | None:
    if not options.advice:
        return None
    from analyzer.rewriting.replaceability import replaceability, runs_layers
    from analyzer.tracing.left_as_found import layers_left_as_found

    with layers_left_as_found(loaded) if runs_layers(loaded.module) else nullcontext():
        layers = replaceability(loaded.module)
    return facts_of(
        count.trace,
        count.owners,
        count.costs,
        bounds={layer.path: layer.bound for layer in time.layers} if time else {},
        device=options.device.name,
        never_run=[(module.path, module.params) for module in count.never_run],
        fields=fields,
        absences=absences,
        fixed=layers.fixed,
        kept=layers.kept,
        recomputing=layers.recomputing,
    )


def _advised(
    unadvised: AdvisedModel,
    facts: ModelFacts | None,
    time: TimeEstimate | None,
    options: AnalysisOptions,
    absences: Absences,
) -> AdvisedModel:
    if facts is None:
        return unadvised
    from analyzer.tracing.left_as_found import layers_left_as_found

    rules = selected(options.select, options.ignore)
    timer = proposal_timer(facts, options.device) if time else untimed
    with layers_left_as_found(unadvised.loaded) if facts.recomputed else nullcontext():
        return advise_model(unadvised, facts, rules, timer, absences)


def _training_step(
    loaded: LoadedModel, trace: Trace, options: AnalysisOptions, progress: Progress, absences: Absences
) -> FollowedStep | None:
    if options.training is None:
        return None
    from analyzer.tracing.training_step import NoTrainingStep, follow_step

    progress(f"{loaded.name}: following a training step")
    try:
        return follow_step(loaded, options.training, trace.mode, trace.candidate)
    except NoTrainingStep as error:
        absences.note("training step", "", str(error))
        return None


def _estimates(
    advised: AdvisedModel, time: TimeEstimate | None, training: TrainingFootprint | None, options: AnalysisOptions
) -> Estimates | None:
    if not options.estimates or time is None:
        return None
    proposals = tuple(item.time for item in advised.advised if item.time)
    return estimate(advised.count, options.device, replace(time, proposals=proposals), training)


def _analysis(
    advised: AdvisedModel,
    fields: Mapping[str, Field],
    estimates: Estimates | None,
    options: AnalysisOptions,
    progress: Progress,
) -> Analysis:
    loaded, count, trace = advised.loaded, advised.count, advised.count.trace
    places = {path: (source.file, source.line) for path, source in loaded.sources.items()}
    building = {path: source.construction for path, source in loaded.sources.items()} if options.construction else {}
    return Analysis(
        analyzer_version=VERSION,
        model=_model(advised),
        inputs=trace.inputs,
        tracing=Tracing(trace.mode, len(trace.graph), trace.reason),
        total=count.total,
        complete=not count.uncounted,
        uncounted=count.uncounted,
        formulas=used_formulas(trace.graph),
        never_run=count.never_run,
        layers=with_fields(with_sources(count.layers, places, building), fields),
        advice=tuple(map(worded, advised.advised)),
        together=advised.together,
        plan=_plan(advised),
        estimates=estimates,
        reconciliation=_second_opinions(loaded, count, progress) if options.reconcile else (),
    )


def _plan(advised: AdvisedModel) -> tuple[PlanStep, ...]:
    return worded_plan(advised.plan, (*advised.advised, *advised.best))


def _second_opinions(loaded: LoadedModel, count: Count, progress: Progress) -> tuple[SecondOpinion, ...]:
    from analyzer.reconciliation import reconcile

    progress(f"{loaded.name}: asking other counters")
    return reconcile(loaded, count.trace, count.costs)


def _model(advised: AdvisedModel) -> Model:
    loaded, trace = advised.loaded, advised.count.trace
    root = loaded.sources.get("")
    root_kind = next((module.kind for module in trace.modules if module.path == ""), "")
    own = (f"{o.operator} is counted by a formula of the user's, {o.source}" for o in used_formulas(trace.graph))
    return Model(
        name=loaded.name,
        target=loaded.target,
        kind=loaded.kind or root_kind,
        file=root.file if root else None,
        line=root.line if root else None,
        checkpoint=loaded.checkpoint,
        assumptions=(*loaded.assumptions, *trace.assumptions, *own, *advised.unused_comments),
    )


def study_of_checkpoint(target: str, checkpoint: Checkpoint) -> Study:
    """What names and shapes alone tell of a checkpoint whose architecture is not known."""
    from analyzer.loading.checkpoints.checkpoint_layers import BUFFERS_ASSUMPTION, is_buffer, layers_of

    params = [tensor for tensor in checkpoint.tensors if not is_buffer(tensor)]
    buffers = [tensor for tensor in checkpoint.tensors if is_buffer(tensor)]
    elements = sum(tensor.numel for tensor in params)
    analysis = Analysis(
        analyzer_version=VERSION,
        model=Model(
            name=PurePath(target).name.split(".")[0],
            target=target,
            kind=f"{checkpoint.format} checkpoint",
            checkpoint=checkpoint.file,
            assumptions=(*checkpoint.assumptions, BUFFERS_ASSUMPTION),
        ),
        inputs=(),
        tracing=Tracing(None, 0, NO_FORWARD),
        total=Total(elements, elements, sum(t.numel for t in buffers), sum(t.nbytes for t in params)),
        complete=False,
        layers=layers_of(checkpoint.tensors),
        tensors=checkpoint.tensors,
    )
    return Study(analysis)
