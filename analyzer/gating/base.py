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
from analyzer.gating.counterparts import Counterparts
from analyzer.gating.interrupts import Interrupts
from analyzer.gating.plan import Plan, PlannedModel
from analyzer.gating.repository import Repository, Revision, environment, repository_of
from analyzer.gating.workers import Job, Outcome, run
from analyzer.values.counts import Lines
from analyzer.values.errors import Problem, first_line
from analyzer.values.requests import AnalysisOptions, ModelRequest, WorkRequest
from analyzer.values.results import Analysis

POINTER: Final = b"version https://git-lfs.github.com/spec/"
"""How a file begins that stands for one that git-lfs keeps elsewhere."""
COUNTS: Final = AnalysisOptions(advice=False, estimates=False)
"""A base is asked for its numbers alone."""


@dataclass(frozen=True, slots=True)
class Base:
    """What the models were."""

    title: str
    """The revision or the file."""
    analyses: tuple[Analysis | Problem | None, ...]
    """One for each model, in their order: None for one that did not exist, Problem for one without an analysis."""
    counterparts: Counterparts | None = field(default=None)
    """The models of that revision's configuration, where it had one."""
    changed_lines: tuple[Lines, ...] | None = None
    """What differs from that revision; None where it is a report."""


def base_of(plan: Plan, against: str, *, may_be_broken: bool = False) -> Base:
    """The base of the planned models: `against` is a report's JSON file or a git revision.

    A model that the base's configuration knows by the same name or target is analysed as that says. Problem when the
    base cannot be resolved or read, and, unless it `may_be_broken`, when it cannot be analysed.
    """
    if Path(against).is_file():
        return _from_report(plan.models, Path(against), against)
    repository = repository_of(plan.directory)
    revision = repository.merge_base(against)
    with Interrupts() as interrupts, repository.worktree(revision, interrupts) as tree:
        counterparts, analyses = _at(plan, repository, tree, revision)
    broken = next((found for found in analyses if isinstance(found, Problem)), None)
    if broken and not may_be_broken:
        raise Problem(f"{broken} (--broken-base=absolute checks absolute limits alone)")
    return Base(revision.title, analyses, counterparts, repository.changed_since(revision, plan.directory))


def _at(
    plan: Plan, repository: Repository, tree: Path, revision: Revision
) -> tuple[Counterparts | None, tuple[Analysis | Problem | None, ...]]:
    try:
        former = _config_at(plan, repository, tree, revision.title)
        home = plan.config.directory.absolute() if plan.config else plan.directory
        known = Counterparts(former.models if former else (), home, repository.renamed_since(revision))
        options = replace(COUNTS, formulas=former.formulas if former else {})
        analyses = _analysed(plan, known, repository, tree, revision.title, options)
        return (known if former else None), _with_hint(analyses, repository.missing_submodules(tree, revision))
    except Problem as problem:
        return None, (problem,) * len(plan.models)


def _with_hint(
    analyses: tuple[Analysis | Problem | None, ...], lacking: Sequence[str]
) -> tuple[Analysis | Problem | None, ...]:
    if not lacking:
        return analyses
    hint = f"; its submodule {lacking[0]} is not in this clone: git submodule update --init fetches it"
    return tuple(Problem(f"{item}{hint}") if isinstance(item, Problem) else item for item in analyses)


def _from_report(models: Sequence[PlannedModel], file: Path, title: str) -> Base:
    try:
        report = Analysis.from_json(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        said = first_line(str(error))
        raise Problem(
            f"--against {title}: not a report in JSON ({said}); write one with --output json:{title}"
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


def _analysed(
    plan: Plan, counterparts: Counterparts, repository: Repository, tree: Path, title: str, options: AnalysisOptions
) -> tuple[Analysis | Problem | None, ...]:
    variables = base_environment(repository.top, tree)
    found = (_job_of(model, plan, counterparts, repository, tree, variables) for model in plan.models)
    jobs = [
        replace(job, request=replace(job.request, options=options, timeout=plan.timeout)) if job else None
        for job in found
    ]
    outcomes = iter(run([job for job in jobs if job]))
    return tuple(_told_of(next(outcomes), title) if job else None for job in jobs)


def _job_of(
    model: PlannedModel,
    plan: Plan,
    counterparts: Counterparts,
    repository: Repository,
    tree: Path,
    variables: Mapping[str, str],
) -> Job | None:
    """The model as the base's configuration says, else as it is asked for now; None when it did not exist."""
    was = counterparts.of(model, plan.directory)
    if was is not None:
        return _existing(plan.told(was.request), counterparts.home, repository, tree, variables)
    asked = (model.request, counterparts.renamed_request(model.request, plan.directory))
    jobs = (_existing(request, plan.directory, repository, tree, variables) for request in asked if request)
    return next(filter(None, jobs), None)


def _existing(
    request: ModelRequest, home: Path, repository: Repository, tree: Path, variables: Mapping[str, str]
) -> Job | None:
    place = tree / repository.inside(home)
    if not place.is_dir() or not exists(request.target, place, home):
        return None
    if _is_pointer(place / request.target):
        raise Problem(
            f"{request.target} is a Git LFS pointer at the base, and what it stands for is not fetched; compare with a "
            "report of it: --against FILE.json"
        )
    # Weights are seldom in a repository, and counts do not need them.
    weights = place / request.checkpoint if request.checkpoint else None
    kept = request.checkpoint if weights and weights.is_file() and not _is_pointer(weights) else None
    return Job(WorkRequest((replace(request, checkpoint=kept),), COUNTS), place, variables)


def _is_pointer(place: Path) -> bool:
    """Whether git-lfs has left its pointer in the place of a file."""
    if not place.is_file():
        return False
    with place.open("rb") as stream:
        return stream.read(len(POINTER)) == POINTER


def _told_of(outcome: Outcome, title: str) -> Analysis | Problem:
    if isinstance(outcome, Problem):
        return Problem(f"the base {title} could not be analysed: {outcome}")
    return outcome[0]


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
