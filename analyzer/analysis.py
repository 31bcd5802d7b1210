"""One loaded through all stages: traced, counted, put together as an analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from analyzer.advising.advisor import Advisor
from analyzer.dataflow.receptive_field.fields import Field, receptive_fields, with_fields
from analyzer.formulas.count import Count, with_sources
from analyzer.values.devices import Device, device_for
from analyzer.values.results import Analysis, Model, SecondOpinion, Total, Tracing
from analyzer.version import VERSION

if TYPE_CHECKING:
    from analyzer.loading.checkpoints.checkpoint import Checkpoint
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.values.estimates import Estimates
    from analyzer.values.graph import Trace

NO_FORWARD = "a checkpoint alone does not say what the forward computes: give the model's file, with --checkpoint"


@dataclass(frozen=True)
class Options:
    """What is wanted beside the count."""

    reconcile: bool = False
    """Ask other counters as well."""
    advice: bool = True
    select: tuple[str, ...] = ()
    """Codes, prefixes or names of the rules to ask; all when empty."""
    ignore: tuple[str, ...] = ()
    device: Device = field(default_factory=device_for)
    """The profile that bounds and estimates are told for."""
    estimates: bool = True
    training: str | None = None
    """The optimizer whose training footprint is wanted."""


@dataclass(frozen=True)
class Study:
    """An analysis and the advice behind it, which can be acted on; None for a checkpoint alone."""

    analysis: Analysis
    advisor: Advisor | None = None


def analyze_loaded(
    loaded: LoadedModel, options: Options = Options(), progress: Callable[[str], None] = lambda _: None
) -> Analysis:
    """Trace, count and advise; Problem when the forward cannot be followed."""
    return study(loaded, options, progress).analysis


def study(loaded: LoadedModel, options: Options = Options(), progress: Callable[[str], None] = lambda _: None) -> Study:
    """Trace, count and advise, and keep what is needed to act on the advice."""
    from analyzer.tracing import trace

    count = Count(trace(loaded, progress))
    fields = receptive_fields(count.trace)
    advisor = Advisor(loaded, count, fields, options.select, options.ignore, options.device)
    analysis = _counted(loaded, count, fields, options, progress)
    if options.advice:
        analysis = _advised(analysis, advisor)
    if options.estimates:
        analysis = replace(analysis, estimates=_estimated(advisor, options, progress))
    return Study(analysis, advisor)


def _estimated(advisor: Advisor, options: Options, progress: Callable[[str], None]) -> Estimates:
    from analyzer.estimating import estimate

    loaded, count = advisor.loaded, advisor.count
    footprint = None
    if options.training is not None:
        from analyzer.tracing.training_step import training_footprint

        progress(f"{loaded.name}: following a training step")
        footprint = training_footprint(loaded, options.training, count.trace.candidate)
    advised = advisor.advised if options.advice else ()
    return estimate(count, options.device, advised, advisor.facts if options.advice else None, footprint)


def _counted(
    loaded: LoadedModel, count: Count, fields: Mapping[str, Field], options: Options, progress: Callable[[str], None]
) -> Analysis:
    traced, uncounted = count.trace, count.uncounted
    sources = {path: (source.file, source.line) for path, source in loaded.sources.items()}
    return Analysis(
        analyzer_version=VERSION,
        model=_model(loaded, traced),
        inputs=traced.inputs,
        tracing=Tracing(traced.mode, len(traced.graph), traced.reason),
        total=count.total,
        complete=not uncounted,
        uncounted=uncounted,
        never_run=count.never_run,
        layers=with_fields(with_sources(count.layers, sources), fields),
        reconciliation=_second_opinions(loaded, count, progress) if options.reconcile else (),
    )


def _advised(analysis: Analysis, advisor: Advisor) -> Analysis:
    model = analysis.model
    return replace(
        analysis,
        model=replace(model, assumptions=(*model.assumptions, *advisor.idle_comments)),
        advice=tuple(item.advice for item in advisor.advised),
        together=advisor.together,
    )


def _second_opinions(loaded: LoadedModel, count: Count, progress: Callable[[str], None]) -> tuple[SecondOpinion, ...]:
    from analyzer.reconciliation import reconcile

    progress(f"{loaded.name}: asking other counters")
    return reconcile(loaded, count.trace, count.costs)


def study_of_stored(target: str, checkpoint: Checkpoint) -> Study:
    """What names and shapes alone tell of a checkpoint whose architecture is not known."""
    from pathlib import PurePath

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


def _model(loaded: LoadedModel, traced: Trace) -> Model:
    root = loaded.sources.get("")
    return Model(
        name=loaded.name,
        target=loaded.target,
        kind=loaded.kind or _root_kind(traced),
        file=root.file if root else None,
        line=root.line if root else None,
        checkpoint=loaded.checkpoint,
        assumptions=loaded.assumptions + traced.assumptions,
    )


def _root_kind(traced: Trace) -> str:
    return next((module.kind for module in traced.modules if module.path == ""), "")
