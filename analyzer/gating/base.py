"""The base of a comparison: a report that was kept, or the models as they were at the merge base with a revision."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from analyzer.config import in_directory, read
from analyzer.config.tables import Config
from analyzer.gating.counterparts import Counterparts
from analyzer.gating.interrupts import Interrupts
from analyzer.gating.plan import Plan, PlannedModel, overridden
from analyzer.gating.repository import Repository, Revision, environment, repository_of
from analyzer.gating.workers import Job, run
from analyzer.values.counts import Lines
from analyzer.values.errors import Problem, first_line
from analyzer.values.git_lfs import is_pointer
from analyzer.values.requests import AnalysisOptions, ModelRequest, WorkRequest, file_and_name
from analyzer.values.results import Analysis

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
        counterparts, analyses = _Worktree(plan, repository, revision, tree).found()
    broken = next((found for found in analyses if isinstance(found, Problem)), None)
    if broken and not may_be_broken:
        raise Problem(f"{broken} (--broken-base=absolute checks absolute limits alone)")
    return Base(revision.title, analyses, counterparts, repository.changed_since(revision, plan.directory))


@dataclass(frozen=True)
class _Worktree:
    """The base's files in a temporary folder, and the plan whose models are looked for there."""

    plan: Plan
    repository: Repository
    revision: Revision
    tree: Path

    def found(self) -> tuple[Counterparts | None, tuple[Analysis | Problem | None, ...]]:
        """The models of the base's configuration, None without one, and the analyses of the planned models."""
        config = self.plan.config
        try:
            former = self._config(config.directory) if config else None
            home = config.directory.absolute() if config else self.plan.directory
            known = Counterparts(former.models if former else (), home, self.repository.renamed_since(self.revision))
            options = replace(COUNTS, formulas=former.formulas if former else {})
            return (known if former else None), tuple(self._analysed(known, options))
        except Problem as problem:
            return None, (problem,) * len(self.plan.models)

    def _config(self, directory: Path) -> Config | None:
        """The base's configuration, in the directory where the head has its own."""
        place = self.tree / self.repository.inside(directory)
        try:
            file = in_directory(place) if place.is_dir() else None
            return read(file) if file else None
        except Problem as problem:
            said = str(problem).replace(f"{place}{os.sep}", "")
            raise Problem(f"the configuration at the base {self.revision.title} cannot be read: {said}") from None

    def _analysed(self, known: Counterparts, options: AnalysisOptions) -> Iterator[Analysis | Problem | None]:
        variables = base_environment(self.repository.top, self.tree)
        requests = [self._request_of(model, known) for model in self.plan.models]
        jobs = [
            Job(WorkRequest((asked,), options, timeout=self.plan.timeout), place, variables)
            for asked, place in filter(None, requests)
        ]
        outcomes = iter(run(jobs))
        lacking = self.repository.missing_submodules(self.tree, self.revision)
        hint = "; its submodule {} is not in this clone: git submodule update --init fetches it"
        for request in requests:
            outcome = next(outcomes) if request else (None,)
            if isinstance(outcome, Problem):
                said = f"the base {self.revision.title} could not be analysed: {outcome}"
                yield Problem(said + hint.format(lacking[0]) if lacking else said)
            else:
                yield outcome[0]

    def _request_of(self, model: PlannedModel, known: Counterparts) -> tuple[ModelRequest, Path] | None:
        """The model as the base's configuration says, else as it is asked for now; None when it did not exist."""
        directory = self.plan.directory
        was = known.of(model, directory)
        if was is not None:
            former = replace(was.request, symbolic=model.request.symbolic)
            return self._existing(overridden(former, self.plan.given), known.home)
        asked = filter(None, (model.request, known.renamed_request(model.request, directory)))
        return next(filter(None, (self._existing(request, directory) for request in asked)), None)

    def _existing(self, request: ModelRequest, home: Path) -> tuple[ModelRequest, Path] | None:
        """The request as the base can answer it, and the folder that it is relative to there."""
        place = self.tree / self.repository.inside(home)
        if not place.is_dir() or not exists(request.target, place, home):
            return None
        if is_pointer(place / request.target):
            raise Problem(
                f"{request.target} is a Git LFS pointer at the base, and what it stands for is not fetched; compare "
                "with a report of it: --against FILE.json"
            )
        # Weights are seldom in a repository, and counts do not need them.
        weights = place / request.checkpoint if request.checkpoint else None
        kept = request.checkpoint if weights and weights.is_file() and not is_pointer(weights) else None
        return replace(request, checkpoint=kept), place


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


def exists(target: str, place: Path, head: Path) -> bool:
    """Whether a directory defines the target, where the head does; True for what is not in the user's files.

    A name is looked for in the text of its file, which is not run.
    """
    file, name = file_and_name(target)
    if file.endswith(".py"):
        return (place / file).is_file() and (not name or _defines(place / file, name))
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
    """Whether the file may define the name; True when only running it could show that."""
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
