"""One call of the command: the configuration, the models to look at, their analyses, the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.values.errors import Problem
from analyzer.values.requests import (
    NO_MODEL,
    PLAIN,
    TIMEOUT,
    UNCHANGED,
    UNFITTED,
    UNTIMED,
    AnalysisOptions,
    FittingOptions,
    ModelRequest,
    RewritingOptions,
    TimingOptions,
    WorkRequest,
)

if TYPE_CHECKING:
    from datetime import date

    from analyzer.config import Config
    from analyzer.gating import Plan
    from analyzer.gating.workers import Listener
    from analyzer.values.results import Analysis

INITIAL = "analyze.toml"


@dataclass(frozen=True)
class GateOptions:
    """What models are held to, beside the configuration."""

    limits: Mapping[str, str | None] = field(default_factory=dict)
    """Text by metric; None where there is none."""
    against: str | None = None
    config: str | None = None
    """A configuration instead of the nearest one."""


@dataclass(frozen=True)
class CommandRequest:
    """What the command line asks for."""

    models: tuple[ModelRequest, ...] = ()
    """All configured ones when empty."""
    given: ModelRequest = NO_MODEL
    """What is said of every model, without a target."""
    options: AnalysisOptions = PLAIN
    device_profile: str | None = None
    """A name, to be looked up in the configuration as well."""
    timing: TimingOptions = UNTIMED
    rewriting: RewritingOptions = UNCHANGED
    fitting: FittingOptions = UNFITTED
    gate: GateOptions = field(default_factory=GateOptions)
    timeout: float | None = TIMEOUT


@dataclass(frozen=True)
class Outcome:
    """The analyses, and the directory that their files are relative to."""

    analyses: list[Analysis]
    directory: Path


def perform(request: CommandRequest, listen: Listener, today: date) -> Outcome:
    """Analyse and gate everything that is asked for; Problem when something cannot be."""
    from analyzer.gating import check_base, gate, plan_for

    _refuse_mismatch(request)
    config = _config(request.gate.config)
    plan = plan_for(config, request.models, request.given, request.gate.limits)
    against = request.gate.against
    if against:
        check_base(plan, against)
    analyses = _analysed(plan, request, listen)
    before, rewritten = analyses[: len(plan.models)], analyses[len(plan.models) :]
    return Outcome([*gate(before, plan, against, today=today), *rewritten], plan.directory)


def initial(request: CommandRequest, listen: Listener) -> str:
    """Text of a configuration with limits at today's numbers plus headroom; Problem where one exists already."""
    from analyzer.gating import plan_for
    from analyzer.gating.initial_config import render

    if len(request.models) != 1:
        raise Problem("--init takes one target, the model that the limits are for")
    if Path(INITIAL).exists() and not request.rewriting.force:
        raise Problem(f"{INITIAL} exists; edit it, or write it anew with --force")
    _refuse_mismatch(request)
    config = _config(request.gate.config) if request.gate.config else None
    plan = plan_for(config, request.models, request.given)
    return render(_analysed(plan, request, listen), request.models[0].checkpoint, request.given.settings)


def _refuse_mismatch(request: CommandRequest) -> None:
    if not request.models and (request.rewriting.wanted or request.timing.wanted):
        raise Problem("--apply, --emit, --save and --latency are about named models: give the target")
    _refuse_half_a_fit(request)


def _refuse_half_a_fit(request: CommandRequest) -> None:
    fitting = request.fitting
    if fitting.wanted and len(request.models) != 1:
        raise Problem("--fit takes one target, the model that is to become smaller")
    if fitting.wanted and request.rewriting.apply:
        raise Problem("--fit chooses what to apply itself: leave --apply out")
    if not fitting.wanted and (fitting.calibrate or fitting.finetune_script):
        raise Problem("--calibrate and --finetune-script go with a budget, such as --fit macs=50%")


def _config(file: str | None) -> Config | None:
    from analyzer.config import find, read

    path = Path(file) if file else find(Path.cwd())
    return read(path) if path else None


def _analysed(plan: Plan, request: CommandRequest, listen: Listener) -> list[Analysis]:
    """Targets together, in one process, so that they can be timed in turns; configured models each in its own."""
    from analyzer.gating import Job, analyses_of, known, run

    work = _work(request, plan)
    if not request.models:
        return analyses_of(plan, work, listen)
    (outcome,) = run([Job(work, plan.directory, aloud=True)], listen)
    return list(known(outcome))


def _work(request: CommandRequest, plan: Plan) -> WorkRequest:
    """The plan's models, with the names that the configuration knows looked up."""
    from analyzer.values.devices import DEFAULT, THIS, device_for

    options, config, name = request.options, plan.config, request.device_profile or DEFAULT
    own = config.device(name) if config else None
    measured = name == THIS and own is None
    if config:
        options = replace(options, select=options.select or config.select, ignore=options.ignore or config.ignore)
    return WorkRequest(
        models=tuple(model.request for model in plan.models),
        options=replace(options, device=own or (options.device if measured else device_for(name))),
        on_this_machine=measured,
        timing=request.timing,
        rewriting=request.rewriting,
        fitting=request.fitting,
        timeout=request.timeout,
    )
