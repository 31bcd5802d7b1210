"""The base of a comparison: a report that was kept, or the models as they were at the merge base with a revision."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from analyzer.config import Config, in_directory, read
from analyzer.gating.interrupts import Interrupts
from analyzer.gating.plan import Plan, PlannedModel, place_of
from analyzer.gating.repository import Repository, environment, repository_of
from analyzer.gating.workers import Job, Outcome, run
from analyzer.values.errors import Problem
from analyzer.values.requests import AnalysisOptions, ModelRequest, WorkRequest
from analyzer.values.results import Analysis

COUNTS: Final = AnalysisOptions(advice=False, estimates=False)
"""A base is asked for its numbers alone."""


@dataclass(frozen=True, slots=True)
class Base:
    """What the models were."""

    title: str
    """The revision or the file."""
    analyses: tuple[Analysis | None, ...]
    """One for each model, in their order; None for a model that did not exist."""
    config: Config | None = field(default=None)
    """The configuration of that revision, where it had one."""


def base_of(plan: Plan, against: str) -> Base:
    """The base of the planned models: `against` is a report's JSON file or a git revision.

    A model that the base's configuration knows by the same name or target is analysed as that says. Problem when the
    base cannot be resolved, read or analysed.
    """
    if Path(against).is_file():
        return _from_report(plan.models, Path(against), against)
    repository = repository_of(plan.directory)
    revision = repository.merge_base(against)
    with Interrupts() as interrupts, repository.worktree(revision, interrupts) as tree:
        former = _config_at(plan, repository, tree, revision.title)
        return Base(revision.title, _analysed(plan, former, repository, tree, revision.title), former)


def _from_report(models: Sequence[PlannedModel], file: Path, title: str) -> Base:
    try:
        report = Analysis.from_json(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Problem(
            f"--against {title}: not a report in JSON ({first}); write one with --output json:{title}"
        ) from None
    if len(models) == 1:
        return Base(title, (report,))
    found = tuple(report if model.request.target == report.model.target else None for model in models)
    if not any(found):
        raise Problem(f"--against {title}: it is of {report.model.target}, which is not analysed here")
    return Base(title, found)


def _config_at(plan: Plan, repository: Repository, tree: Path, title: str) -> Config | None:
    """The base's configuration, in the directory where the head has its own."""
    if plan.config is None or not (place := tree / repository.inside(plan.config.directory)).is_dir():
        return None
    try:
        file = in_directory(place)
        return read(file) if file else None
    except Problem as problem:
        told = str(problem).replace(f"{place}{os.sep}", "")
        raise Problem(f"the configuration at the base {title} cannot be read: {told}") from None


def _as_it_was(model: ModelRequest, plan: Plan, former: Config | None) -> tuple[ModelRequest, Path]:
    """The same model in the base's configuration, by name or else by target, and where that is relative to."""
    known = former.models if former else ()
    home = plan.config.directory.absolute() if plan.config else plan.directory
    wanted = place_of(model.target, plan.directory)
    by_name = (other for other in known if model.name and other.name == model.name)
    by_target = (other for other in known if place_of(other.target, home) == wanted)
    found = next(by_name, None) or next(by_target, None)
    return (plan.told(found.request), home) if found else (model, plan.directory)


def _analysed(
    plan: Plan, former: Config | None, repository: Repository, tree: Path, title: str
) -> tuple[Analysis | None, ...]:
    variables = base_environment(repository.top, tree)
    jobs: list[Job | None] = []
    for model in plan.models:
        was, home = _as_it_was(model.request, plan, former)
        place = tree / repository.inside(home)
        jobs.append(_job(was, place, variables) if place.is_dir() and exists(was.target, place, home) else None)
    outcomes = iter(run([job for job in jobs if job]))
    return tuple(_refused(next(outcomes), title) if job else None for job in jobs)


def _refused(outcome: Outcome, title: str) -> Analysis:
    if isinstance(outcome, Problem):
        raise Problem(f"the base {title} could not be analysed: {outcome}")
    return outcome[0]


def _job(model: ModelRequest, place: Path, variables: Mapping[str, str]) -> Job:
    # Weights are seldom in a repository, and counts do not need them.
    kept = model.checkpoint if model.checkpoint and (place / model.checkpoint).is_file() else None
    return Job(WorkRequest((replace(model, checkpoint=kept),), COUNTS), place, variables)


def exists(target: str, place: Path, head: Path) -> bool:
    """Whether a directory defines the target, where the head does; True for what is not in the user's files.

    A name is looked for in the text of its file, which is not run.
    """
    file, colon, name = target.rpartition(":") if ".py:" in target else (target, "", "")
    if file.endswith(".py"):
        return (place / file).is_file() and (not colon or _defines(place / file, name))
    kind, colon, name = target.partition(":")
    if kind == "transformers":
        return (place / name).exists()
    if not colon:
        return (place / target).exists()
    path = _module_file(kind, place)
    return _defines(path, name) if path else _module_file(kind, head) is None


def _module_file(module: str, place: Path) -> Path | None:
    stem = place.joinpath(*module.split("."))
    files = (stem.with_suffix(".py"), stem / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _defines(path: Path, name: str) -> bool:
    """Whether the file may define the name; True when that cannot be told without running it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return True
    return not {name.partition(".")[0], "*", "__getattr__"}.isdisjoint(_names(tree))


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def base_environment(top: Path, tree: Path) -> dict[str, str]:
    """The environment in which the user's own packages are those of the worktree, however they were made importable."""
    entries = [Path(entry).resolve() for entry in (*sys.path, *_editable()) if entry]
    there = [tree / entry.relative_to(top) for entry in entries if _is_own(entry, top)]
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [entry for entry in given if entry and not _is_own(Path(entry), top)]
    found = dict.fromkeys([*(str(path) for path in there if path.exists()), *kept])
    return {**environment(), "PYTHONPATH": os.pathsep.join(found)}


def _is_own(entry: Path, top: Path) -> bool:
    """Whether it holds code of the user's repository, and not installed packages or the analyzer that runs."""
    place = entry.resolve()
    if place == Path(__file__).resolve().parents[2] or not entry.is_absolute():
        return False
    return place.is_relative_to(top) and "site-packages" not in place.parts


def _editable() -> Iterator[str]:
    """Folders of packages that were installed in place by a finder of setuptools."""
    for finder in sys.meta_path:
        mapping: Any = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", None)
        if isinstance(mapping, dict):
            yield from (str(Path(where).parent) for where in mapping.values())
