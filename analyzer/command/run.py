"""One call of the command: the configuration, the models to look at, their analyses, the gate, what is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.values.errors import Problem

if TYPE_CHECKING:
    from datetime import date

    from analyzer.advising import Advised
    from analyzer.analysis import Study
    from analyzer.config import Config, ModelConfig
    from analyzer.gating import Plan
    from analyzer.values.devices import Device
    from analyzer.values.estimates import ProposalTime
    from analyzer.values.requests import AnalysisOptions
    from analyzer.values.results import Analysis

Progress = Callable[[str], None]
INITIAL = "analyze.toml"
THIS = "this"
"""The device profile that is measured here."""


@dataclass(frozen=True)
class CommandRequest:
    """What the command line asks for."""

    targets: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    trust: bool = False
    reconcile: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    device_profile: str | None = None
    training: str | None = None
    latency: bool = False
    device: str = "cpu"
    threads: int = 1
    batch: int | None = None
    dtype: str | None = None
    channels_last: bool = False
    limits: Mapping[str, str | None] = field(default_factory=dict)
    against: str | None = None
    config: str | None = None
    gated: bool = True
    advice: bool = True
    apply: tuple[str, ...] = ()
    emit: str | None = None
    save: str | None = None
    force: bool = False

    @property
    def acts(self) -> bool:
        """Whether something is to be done with the advice."""
        return bool(self.apply or self.emit or self.save)


@dataclass(frozen=True)
class Outcome:
    """The analyses, and the directory that their files are relative to."""

    analyses: list[Analysis]
    directory: Path


def perform(request: CommandRequest, progress: Progress, today: date) -> Outcome:
    """Analyse and gate everything that is asked for; Problem when something cannot be."""
    from analyzer.gating import check_base, gate, plan_for

    _refuse_mismatch(request)
    config = _config(request)
    plan = plan_for(
        config,
        request.targets,
        inputs=request.inputs,
        checkpoints=request.checkpoints,
        settings=request.settings,
        limits=request.limits,
    )
    if request.against:
        check_base(plan, request.against)
    if not request.targets:
        analyses = _in_processes(plan, request)
        return Outcome(gate(analyses, plan, request.against, today=today), plan.directory)
    options = _options(request, config, progress)
    studies = [_study(model, request, options, progress) for model in plan.models]
    analyses = [study.analysis for study in studies]
    if request.gated:
        analyses = gate(analyses, plan, request.against, today=today)
    if request.latency:
        analyses = _timed(analyses, studies, request, progress)
    rewritten = [_rewritten(study, request, progress) for study in studies if request.acts]
    return Outcome([*analyses, *rewritten], plan.directory)


def initial(request: CommandRequest, progress: Progress) -> str:
    """Text of a configuration with limits at today's numbers plus headroom; Problem where one exists already."""
    from analyzer.gating.initial_config import render

    if len(request.targets) != 1:
        raise Problem("--init takes one target, the model that the limits are for")
    if Path(INITIAL).exists() and not request.force:
        raise Problem(f"{INITIAL} exists; edit it, or write it anew with --force")
    analyses = perform(replace(request, gated=False), progress, _never()).analyses
    return render(analyses, next(iter(request.checkpoints), None), request.settings)


def _never() -> date:
    from datetime import date

    return date.min


def _refuse_mismatch(request: CommandRequest) -> None:
    targets, checkpoints = len(request.targets), len(request.checkpoints)
    if checkpoints and targets != checkpoints:
        counts = f"{targets} targets and {checkpoints} checkpoints"
        raise Problem(f"{counts}: give --checkpoint once for each target, in their order")
    if not targets and (request.acts or request.latency):
        raise Problem("--apply, --emit, --save and --latency are about named models: give the target")


def _config(request: CommandRequest) -> Config | None:
    from analyzer.config import find, read

    path = Path(request.config) if request.config else find(Path.cwd())
    if path is None or (not request.gated and request.config is None):
        return None
    return read(path)


def _options(request: CommandRequest, config: Config | None, progress: Progress) -> AnalysisOptions:
    from analyzer.values.requests import AnalysisOptions

    return AnalysisOptions(
        reconcile=request.reconcile,
        advice=request.advice,
        select=request.select or (config.select if config else ()),
        ignore=request.ignore or (config.ignore if config else ()),
        device=_profile(request, config, progress),
        training=request.training,
        estimates=request.advice,
    )


def _profile(request: CommandRequest, config: Config | None, progress: Progress) -> Device:
    """The project's own device of that name, this machine, or a preset."""
    from analyzer.values.devices import DEFAULT, device_for

    name = request.device_profile or DEFAULT
    if own := config.device(name) if config else None:
        return own
    if name != THIS:
        return device_for(name)
    from analyzer.measuring.calibration import this_device

    return this_device(request.threads, progress)


def _timed(
    analyses: list[Analysis], studies: list[Study], request: CommandRequest, progress: Progress
) -> list[Analysis]:
    """The analyses with what the clock says, the advice by measured gain; several models are timed in turns as well."""
    from analyzer.advising.ranking import by_measured_gain
    from analyzer.measuring import Settings, measure, side_by_side

    settings = Settings(request.device, request.threads, request.batch, request.dtype, request.channels_last)
    timed = []
    for analysis, study in zip(analyses, studies, strict=True):
        if study.model is None:
            raise Problem(f"{analysis.model.target}: without a forward there is nothing to time")
        latency = measure(study.model, settings, progress, _promises(analysis))
        advice = by_measured_gain(analysis.advice, latency)
        timed.append(replace(analysis, latency=latency, advice=advice))
    if len(timed) < 2 or any(one.latency and one.latency.partial for one in timed):
        return timed
    turns = side_by_side([study.model for study in studies if study.model], settings, progress)
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


def _in_processes(plan: Plan, request: CommandRequest) -> list[Analysis]:
    """The configured models, each in a process of its own, in the directory of the configuration."""
    from analyzer.gating import analyses_of

    return analyses_of(plan, tuple(_flags(request)))


def _flags(request: CommandRequest) -> Iterator[str]:
    """The options of this call that each model's own process needs."""
    yield from (f"--select={name}" for name in request.select)
    yield from (f"--ignore={name}" for name in request.ignore)
    yield from (f"--device-profile={request.device_profile}",) if request.device_profile else ()
    yield from ("--reconcile",) if request.reconcile else ()
    yield from ("--trust-checkpoint",) if request.trust else ()


def _study(model: ModelConfig, request: CommandRequest, options: AnalysisOptions, progress: Progress) -> Study:
    from analyzer.analysis import study, study_of_checkpoint
    from analyzer.loading import load
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.values.requests import ModelRequest

    progress(f"{model.target}: loading")
    loaded = load(ModelRequest(model.target, model.inputs, model.checkpoint, model.settings, request.trust))
    found = (
        study(loaded, options, progress)
        if isinstance(loaded, LoadedModel)
        else study_of_checkpoint(model.target, loaded)
    )
    return replace(found, analysis=_named(found.analysis, model.name))


def _named(analysis: Analysis, name: str) -> Analysis:
    return replace(analysis, model=replace(analysis.model, name=name)) if name else analysis


def _refuse_existing(request: CommandRequest) -> None:
    """Before anything is written, so that a file is not left without its weights."""
    from analyzer.rewriting.saving import refuse_existing

    for place in filter(None, (request.emit, request.save)):
        refuse_existing(Path(place), request.force)


def _rewritten(study: Study, request: CommandRequest, progress: Progress) -> Analysis:
    """The analysis of the model with the advice applied; its file and its weights are written first."""
    from analyzer.advising.selection import applied
    from analyzer.analysis import study as study_of
    from analyzer.values.requests import AnalysisOptions

    if study.model is None:
        raise Problem(f"{study.analysis.model.target}: without a forward there is no advice to apply")
    chosen = applied(study.model, request.apply)
    said: Sequence[str] = ()
    _refuse_existing(request)
    if request.emit:
        chosen.emit(Path(request.emit), request.settings, study.model, request.force)
    if request.save:
        progress(f"{study.analysis.model.name}: carrying weights over")
        said = chosen.save(Path(request.save), study.model, request.force)
    after = study_of(chosen.rewritten, AnalysisOptions(advice=False), progress).analysis
    applied_rules = tuple(f"{item.advice.rule} was applied to {item.advice.path}" for item in chosen.chosen)
    return replace(after, model=replace(after.model, assumptions=(*after.model.assumptions, *applied_rules, *said)))
