"""The user's git repository: revisions, merge bases, and a worktree that is removed also after an error."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analyzer.gating.interrupts import Interrupts
from analyzer.gating.submodules import fill, missing
from analyzer.values.counts import Lines
from analyzer.values.errors import Problem

HOOK_VARIABLES: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
)
"""What git sets for hooks: it would have other commands work on the hook's repository and index."""
PREFIX: Final = "analyze-"
ABANDONED: Final = re.compile(rf"{PREFIX}(\d+)-.*")
TREE: Final = "base"
NO_LFS: Final = ("-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false")
"""Large files stay pointers: their contents are not counted, and nothing is downloaded."""
HUNK: Final = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
LAST: Final = 2**31 - 1
"""The last line of any file."""
DEEPEN: Final = "fetch the history with git fetch --unshallow, or fetch-depth: 0 of actions/checkout"


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit to compare with."""

    ref: str
    """As the user named it."""
    commit: str

    @property
    def title(self) -> str:
        return f"{self.ref} ({self.commit[:8]})"


@dataclass(frozen=True, slots=True)
class Repository:
    """A checkout, by its top directory."""

    top: Path

    def inside(self, directory: Path) -> Path:
        """A directory of the checkout relative to its top; Problem when it lies elsewhere."""
        place = directory.resolve()
        if not place.is_relative_to(self.top):
            raise Problem(f"{directory} is not in the repository {self.top.name}, so it has no base there")
        return place.relative_to(self.top)

    def merge_base(self, ref: str) -> Revision:
        """The commit where HEAD and the revision parted; Problem when either or that commit is not there."""
        head, tip = self._commit("HEAD"), self._commit(ref)
        found = self._git("merge-base", head, tip)
        if found.returncode == 0:
            return Revision(ref, found.stdout.split()[0])
        if self.is_shallow:
            raise Problem(f"--against {ref}: this clone is shallow and lacks the commit where HEAD parted; {DEEPEN}")
        raise Problem(f"--against {ref}: it has no commit in common with HEAD; name a branch that HEAD came from")

    def renamed_since(self, revision: Revision) -> dict[Path, Path]:
        """Files that git takes for renamed since a revision, by their place now: their place then, both in full."""
        options = ("--name-status", "-z", "--find-renames", "--diff-filter=R", "--no-ext-diff")
        words = self._git("diff", *options, revision.commit).stdout.split("\0")
        pairs = zip(words[1::3], words[2::3], strict=False)
        return {self.top / new: self.top / old for old, new in pairs}

    def changed_since(self, revision: Revision, directory: Path) -> tuple[Lines, ...]:
        """Lines that differ from a revision, files that git does not know included, as seen from a directory."""
        options = ("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
        text = self._git("-c", "core.quotePath=false", "diff", *options, revision.commit).stdout
        new = self._git("ls-files", "--others", "--exclude-standard", "-z").stdout.split("\0")
        found = [*_hunks(text), *((name, 1, LAST) for name in new if name)]
        shown = {name: Path(os.path.relpath(self.top / name, directory.resolve())).as_posix() for name, _, _ in found}
        return tuple(Lines(shown[name], first, last) for name, first, last in found)

    @property
    def is_shallow(self) -> bool:
        return self._git("rev-parse", "--is-shallow-repository").stdout.strip() == "true"

    def _commit(self, ref: str) -> str:
        if ref.startswith("-"):
            raise Problem(f"--against {ref}: not a revision; name a branch, a tag, a commit or a report's JSON file")
        found = self._git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if found.returncode == 0:
            return found.stdout.strip()
        if ref == "HEAD":
            raise Problem("this repository has no commit yet, so there is nothing to compare with")
        cure = DEEPEN if self.is_shallow else "fetch it, or name a branch, a tag, a commit or a report's JSON file"
        raise Problem(f"--against {ref}: no such revision or file here; {cure}")

    @contextmanager
    def worktree(self, revision: Revision, interrupts: Interrupts) -> Iterator[Path]:
        """The revision's files in a temporary folder; the user's checkout, index and stash are not touched.

        Raises Problem when git cannot check the revision out.
        """
        self._remove_abandoned()
        place = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")).resolve()
        tree = place / TREE
        try:
            with interrupts.held():
                self._add_worktree(tree, revision)
            yield tree
        finally:
            with interrupts.held():
                self._remove_worktree(tree)
                shutil.rmtree(place, ignore_errors=True)

    def missing_submodules(self, tree: Path, revision: Revision) -> list[str]:
        """Submodules that a worktree of the revision lacks, because this clone does."""
        return missing(self.top, tree, revision.commit, _git)

    def _remove_abandoned(self) -> None:
        """Take away the worktrees of runs that were killed: their folders name a process that is no more."""
        listed = self._git("worktree", "list", "--porcelain", "-z").stdout.split("\0")
        trees = (Path(line.removeprefix("worktree ")) for line in listed if line.startswith("worktree "))
        for tree in trees:
            owner = ABANDONED.fullmatch(tree.parent.name)
            if owner and tree.name == TREE and not _is_running(int(owner[1])):
                self._remove_worktree(tree)
                shutil.rmtree(tree.parent, ignore_errors=True)

    def _add_worktree(self, tree: Path, revision: Revision) -> None:
        added = self._git(*NO_LFS, "worktree", "add", "--detach", "--force", str(tree), revision.commit)
        if added.returncode != 0:
            # "error: unable to read sha1 file of PATH" says more than what git ends with.
            first = next((line for line in added.stderr.splitlines() if line.startswith("error: ")), "")
            reason = first.removeprefix("error: ") or _last_line(added.stderr)
            raise Problem(f"--against {revision.ref}: git cannot check it out: {reason}")
        fill(self.top, tree, revision.commit, _git)

    def _remove_worktree(self, tree: Path) -> None:
        removed = self._git("worktree", "remove", "--force", "--force", str(tree))
        if removed.returncode == 0 or not tree.exists():
            return
        shutil.rmtree(tree, ignore_errors=True)
        self._git("worktree", "remove", "--force", "--force", str(tree))

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return _git(self.top, *arguments)


def repository_of(directory: Path) -> Repository:
    """The repository that a directory is in; Problem when there is none, or git does not want to read it."""
    found = _git(directory, "rev-parse", "--show-toplevel")
    if "dubious ownership" in found.stderr:
        raise Problem(
            f"--against: git does not read the repository of {directory}, because it belongs to another user; run as "
            "that user, or trust it with git config --global --add safe.directory and its path"
        )
    if found.returncode != 0:
        said = _last_line(found.stderr).removeprefix("fatal: ")
        raise Problem(f"--against needs a git repository or a report's JSON file: {said}")
    return Repository(Path(found.stdout.removesuffix("\n")).resolve())


def folder_of(directory: Path) -> str:
    """A directory as seen from the top of its repository, with slashes; empty at the top and outside any."""
    try:
        inside = repository_of(directory).inside(directory)
    except Problem:
        return ""
    return "" if inside == Path() else inside.as_posix()


def environment() -> dict[str, str]:
    """This process's environment without what ties git to the repository of a hook."""
    return {name: value for name, value in os.environ.items() if name not in HOOK_VARIABLES}


def _git(directory: Path, /, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run git without a shell, hooks or questions, apart from the terminal's signals; paths may be any bytes.

    `more` are variables of its environment.
    """
    settings = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")
    variables: Mapping[str, str] = {**environment(), "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **more}
    try:
        return subprocess.run(
            ["git", "-C", str(directory), *settings, *arguments],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=True,
            check=False,
        )
    except FileNotFoundError:
        raise Problem("--against REVISION needs git, which is not installed; give a report's JSON file") from None


def _hunks(diff: str) -> Iterator[tuple[str, int, int]]:
    """File, first and last line of each place that a diff without context touches; a removal touches its neighbour."""
    name = ""
    for line in diff.splitlines():
        if line.startswith("+++ "):
            name = line.removeprefix("+++ ").split("\t")[0].removeprefix("b/")
        elif (found := HUNK.match(line)) and name != os.devnull:
            first, number = max(int(found[1]), 1), int(found[2] or 1)
            yield name, first, max(first + number - 1, first)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it does not say why"])[-1]
