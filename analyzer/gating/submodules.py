"""Submodules of a worktree, filled from what the user's clone has of them: nothing is fetched, nothing is changed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

Git = Callable[..., subprocess.CompletedProcess[str]]
"""Runs git in a directory, the first argument, with more variables in its environment, those given by name."""


def fill(top: Path, tree: Path, commit: str, git: Git) -> None:
    """Write the files of each submodule at a commit, and of those in it; what the clone lacks stays empty."""
    for path, wanted in _submodules(top, commit, git):
        folder = _git_folder(top, commit, path, git)
        if folder is None or git(folder, "cat-file", "-e", f"{wanted}^{{commit}}").returncode != 0:
            continue
        place = tree / path
        index = str(tree.parent / "index")
        there = {"GIT_DIR": str(folder), "GIT_WORK_TREE": str(place), "GIT_INDEX_FILE": index}
        git(place, "read-tree", wanted, **there)
        git(place, "checkout-index", "--all", "--force", **there)
        Path(index).unlink(missing_ok=True)
        fill(folder, place, wanted, git)


def missing(top: Path, tree: Path, commit: str, git: Git) -> list[str]:
    """Paths of the submodules that are empty in the worktree."""
    return [path for path, _ in _submodules(top, commit, git) if not any((tree / path).iterdir())]


def _submodules(top: Path, commit: str, git: Git) -> Iterator[tuple[str, str]]:
    """Path and commit of each."""
    for line in git(top, "ls-tree", "-r", "-z", commit).stdout.split("\0"):
        what, _, path = line.partition("\t")
        if what.startswith("160000 commit "):
            yield path, what.split()[2]


def _git_folder(top: Path, commit: str, path: str, git: Git) -> Path | None:
    """Where the clone keeps a submodule: in its checkout, else among the modules under its name."""
    common = Path(git(top, "rev-parse", "--path-format=absolute", "--git-common-dir").stdout.strip())
    listed = git(top, "config", "--blob", f"{commit}:.gitmodules", "--get-regexp", r"^submodule\..*\.path$").stdout
    pairs = (line.partition(" ") for line in listed.splitlines())
    names = [key.removeprefix("submodule.").removesuffix(".path") for key, _, value in pairs if value == path]
    kept = [common / "modules" / name for name in names]
    own = git(top / path, "rev-parse", "--absolute-git-dir").stdout.strip() if (top / path / ".git").exists() else ""
    return next((folder for folder in (*kept, *([Path(own)] if own else [])) if folder.is_dir()), None)
