"""Many models, each in a worker process of its own: what one of them does costs at most its own row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final

import msgspec

from analyzer.command.results_file import ResultsHeader, results_file
from analyzer.command.run import CommandRequest, work_of
from analyzer.command.target_globs import expanded, is_glob
from analyzer.gating.workers import Job, Listener, Outcome, run_each
from analyzer.values.devices import THIS
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest, WorkRequest
from analyzer.values.results import SCHEMA_VERSION
from analyzer.values.sweep_rows import PublishedAccuracy, Sweep, SweepRow, row_of, sorted_rows

PACKAGES: Final = ("torch", "torchvision", "timm", "transformers")
"""What a model's numbers depend on, beside the analyzer."""
WORKER_BYTES: Final = 2**30
"""Memory that a worker has to find: torch, a zoo, the modules of a large model without its weights."""


@dataclass(frozen=True)
class PlannedSweep:
    """The work on each model, in the order of the targets, and what its rows have in common."""

    works: tuple[WorkRequest, ...]
    request: CommandRequest
    header: ResultsHeader


def is_sweep(request: CommandRequest) -> bool:
    """Whether a target is a glob, or rows are to be kept in a file."""
    return request.sweep.results is not None or any(is_glob(model.target) for model in request.work.models)


def planned_sweep(request: CommandRequest, version: str) -> PlannedSweep:
    """Every model that is meant; Problem for a glob without any, and for options that make no column of a table.

    One configuration holds for all: the one that is given, else the nearest to the working directory. `version` is the
    analyzer's own.
    """
    from analyzer.config import find, read
    from analyzer.gating import plan_for

    _refuse_other_work(request)
    targets = expanded(model.target for model in request.work.models)
    file = Path(request.gate.config) if request.gate.config else find(Path.cwd())
    plan = plan_for(read(file) if file else None, [ModelRequest(target) for target in targets], request.given)
    work = work_of(request, plan)
    work = replace(work, options=replace(work.options, advice=False, construction=False))
    works = tuple(replace(work, models=(model,)) for model in work.models)
    return PlannedSweep(works, request, _header(request, work, file, version))


def _refuse_other_work(request: CommandRequest) -> None:
    work, gate = request.work, request.gate
    options = work.options
    asked = {
        "--checkpoint": any(model.checkpoint for model in work.models),
        "--apply, --emit and --save": work.rewriting.wanted,
        "--fit": work.fitting.wanted,
        "--calibrate": work.fitting.calibrate,
        "--latency": work.timing.wanted,
        "--device-profile this": request.device_profile == THIS,
        "--symbolic": options.symbolic,
        "--at": options.at,
        "--steps": options.steps,
        "--training": options.training,
        "--reconcile": options.reconcile,
        "a budget": any(gate.limits.values()),
        "--against": gate.against,
    }
    for option in (name for name, given in asked.items() if given):
        raise Problem(f"{option} is for single models, not for a table of many: leave it out, or name each target")
    if not work.models:
        raise Problem("--results takes targets, such as 'timm:convnext*'; none is given")


def _header(request: CommandRequest, work: WorkRequest, config: Path | None, version: str) -> ResultsHeader:
    options = work.options
    return ResultsHeader(
        versions={"analyzer": version, "schema": str(SCHEMA_VERSION), **dict(_versions())},
        options={
            "input": request.given.inputs,
            "set": request.given.settings,
            "trust-checkpoint": request.given.trust,
            "timeout": work.timeout,
            "device-profile": options.device.name,
            "device figures": _digest(msgspec.json.encode(options.device)),
            "configuration": _digest(config.read_bytes()) if config else None,
        },
    )


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=8).hexdigest()


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, installed_version(name)
        except PackageNotFoundError:
            continue


def swept(plan: PlannedSweep, listen: Listener) -> Sweep:
    """One row a model, whatever becomes of the workers; those of the results file are not looked at again.

    Raises Problem when the results file is not of this version and these options, or cannot be written.
    """
    asked = plan.request.sweep
    with results_file(asked.results, plan.header) as kept:
        left = [work for work in plan.works if work.models[0].target not in kept.rows]

        def take(number: int, outcome: Outcome) -> None:
            kept.append(_row(left[number], outcome))

        jobs = (Job(work, Path.cwd()) for work in left)
        run_each(jobs, take, admission(asked.workers), listen)
        rows = [kept.rows[work.models[0].target] for work in plan.works]
    return Sweep(
        analyzer_version=plan.header.versions["analyzer"],
        device=plan.works[0].options.device.name,
        sorted_by=asked.sort,
        rows=sorted_rows(rows, asked.sort),
    )


def _row(work: WorkRequest, outcome: Outcome) -> SweepRow:
    target = work.models[0].target
    if isinstance(outcome, Problem):
        return SweepRow(target, target, failure=str(outcome))
    return row_of(outcome[0], target, _accuracy(work.models[0]))


def _accuracy(model: ModelRequest) -> PublishedAccuracy | None:
    """As published, which holds for the model and the input as they are without settings."""
    from analyzer.loading.zoos import torchvision_zoo

    if not model.target.startswith(torchvision_zoo.PREFIX) or model.inputs or model.settings:
        return None
    return torchvision_zoo.published_accuracy(model.target.removeprefix(torchvision_zoo.PREFIX))


def admission(workers: int | None) -> Callable[[int], bool]:
    """Whether another worker may start: as many as asked for or as there are cores, as far as there is memory."""
    from analyzer.loading.available_memory import free_memory

    free = free_memory()
    fitting = max(1, free // WORKER_BYTES) if free is not None else None
    most = min(filter(None, (workers or os.cpu_count(), fitting)), default=1)

    def may_start(running: int) -> bool:
        left = free_memory() if running < most else 0
        return running < most and (left is None or left >= WORKER_BYTES)

    return may_start
