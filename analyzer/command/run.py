"""One call of the command: the configuration, the models to look at, their analyses, the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest, WorkRequest, file_and_name

if TYPE_CHECKING:
    from datetime import date

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
    broken_base: str | None = None
    """"fail" or "absolute"; as configured when None."""


@dataclass(frozen=True)
class SweepOptions:
    """How many models are looked at, each in a process of its own, and their rows kept."""

    sort: str = "macs"
    """A column of the rows."""
    results: str | None = None
    """The file that rows are appended to."""
    workers: int | None = None
    """Most processes at once; as many as there are cores when None."""


@dataclass(frozen=True)
class CommandRequest:
    """What the command line asks for."""

    work: WorkRequest
    """What to do with the models that are named, with all configured ones where none is."""
    given: ModelRequest
    """What is said of every model, without a target."""
    device_profile: str | None
    """A name, to be looked up in the configuration as well."""
    gate: GateOptions
    sweep: SweepOptions = SweepOptions()


def perform(request: CommandRequest, listen: Listener, today: date) -> tuple[list[Analysis], Path]:
    """The analyses of everything that is asked for, gated, and the directory that their files are relative to.

    Problem when something cannot be analysed.
    Each target is held to the configuration nearest to it; those of one configuration are looked at together.
    """
    from analyzer.command.outputs import compared

    _refuse_mismatch(request)
    found: dict[int, Analysis] = {}
    rewritten: list[Analysis] = []
    directory = Path.cwd()
    for config, places in _by_config(request).items():
        part = replace(request, work=replace(request.work, models=tuple(request.work.models[i] for i in places)))
        directory, gated, others = _gated(part, config, listen, today)
        found |= dict(zip(places or range(len(gated)), gated, strict=True))
        rewritten += others
    return compared([*(found[place] for place in sorted(found)), *rewritten]), directory


def _gated(
    request: CommandRequest, file: Path | None, listen: Listener, today: date
) -> tuple[Path, list[Analysis], list[Analysis]]:
    """The directory, the gated analyses, and those of what was rewritten."""
    from analyzer.config import read
    from analyzer.gating import check_base, gate, plan_for

    config = read(file) if file else None
    plan = plan_for(config, request.work.models, request.given, request.gate.limits)
    plan = replace(plan, timeout=request.work.timeout)
    against = request.gate.against
    if against:
        check_base(plan, against)
    analyses = _analysed(plan, request, listen)
    before, rewritten = analyses[: len(plan.models)], analyses[len(plan.models) :]
    policy = request.gate.broken_base or (config.broken_base if config else "fail")
    return plan.directory, gate(before, plan, against, today=today, broken_base=policy), rewritten


def _by_config(request: CommandRequest) -> dict[Path | None, list[int]]:
    """The numbers of the targets by the configuration that holds for them; none for all that is configured."""
    from analyzer.config import find

    if request.gate.config:
        return {Path(request.gate.config): [*range(len(request.work.models))]}
    if not request.work.models:
        return {find(Path.cwd()): []}
    found: dict[Path | None, list[int]] = {}
    for number, model in enumerate(request.work.models):
        file = Path(file_and_name(model.target)[0])
        found.setdefault(find(file.parent if file.is_file() else Path.cwd()), []).append(number)
    return found


def initial(request: CommandRequest, listen: Listener) -> str:
    """Text of a configuration with limits at today's numbers plus headroom; Problem where one exists already."""
    from analyzer.config import read
    from analyzer.gating import plan_for
    from analyzer.gating.initial_config import render

    models = request.work.models
    if len(models) != 1:
        raise Problem("--init takes one target, the model that the limits are for")
    if Path(INITIAL).exists() and not request.work.rewriting.force:
        raise Problem(f"{INITIAL} exists; edit it, or write it anew with --force")
    _refuse_mismatch(request)
    config = read(Path(request.gate.config)) if request.gate.config else None
    plan = plan_for(config, models, request.given)
    return render(_analysed(plan, request, listen), models[0].checkpoint, request.given.settings)


def _refuse_mismatch(request: CommandRequest) -> None:
    work, fitting = request.work, request.work.fitting
    if not work.models and (work.rewriting.wanted or work.timing.wanted):
        raise Problem("--apply, --emit, --save and --latency are about named models: give the target")
    if fitting.wanted and len(work.models) != 1:
        raise Problem("--fit takes one target, the model that is to become smaller")
    if fitting.wanted and work.rewriting.apply:
        raise Problem("--fit chooses what to apply itself: leave --apply out")
    if not fitting.wanted and fitting.finetune_script:
        raise Problem("--finetune-script goes with a budget, such as --fit macs=50%")
    if fitting.calibrate and len(work.models) != 1:
        raise Problem("--calibrate takes one target, the model that the inputs are for")


def _analysed(plan: Plan, request: CommandRequest, listen: Listener) -> list[Analysis]:
    """Targets together, in one process, so that they can be timed in turns; configured models each in its own."""
    from analyzer.gating import Job, analyses_of, known, run

    work = work_of(request, plan)
    if not request.work.models:
        return analyses_of(plan, work, listen)
    (outcome,) = run([Job(work, plan.directory, aloud=True)], listen)
    return list(known(outcome))


def work_of(request: CommandRequest, plan: Plan) -> WorkRequest:
    """The work on the plan's models, with the names that the configuration knows looked up."""
    from analyzer.values.devices import DEFAULT, THIS, device_for

    options, config, name = request.work.options, plan.config, request.device_profile or DEFAULT
    own = config.device(name) if config else None
    measured = name == THIS and own is None
    if config:
        options = replace(options, select=options.select or config.select, ignore=options.ignore or config.ignore)
        options = replace(options, formulas=config.formulas)
    return replace(
        request.work,
        models=tuple(model.request for model in plan.models),
        options=replace(
            options,
            construction=options.construction or request.gate.against is not None,
            device=own or (options.device if measured else device_for(name)),
        ),
        on_this_machine=measured,
    )
