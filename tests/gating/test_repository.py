"""Revisions and worktrees of real repositories, which are left as they were."""

import os
import subprocess
from pathlib import Path

import pytest

from analyzer.gating.interrupts import Interrupts
from analyzer.gating.repository import Repository, environment, folder_of, repository_of
from analyzer.values.counts import Lines
from analyzer.values.errors import Problem


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(directory: Path, text: str) -> str:
    (directory / "file").write_text(text, encoding="utf-8")
    git(directory, "add", ".")
    git(directory, "commit", "-qm", text)
    return git(directory, "rev-parse", "HEAD")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """main: one, two; topic, checked out: one, three."""
    place = tmp_path / "a répository"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    commit(place, "one")
    git(place, "checkout", "-qb", "topic")
    commit(place, "three")
    git(place, "checkout", "-q", "main")
    commit(place, "two")
    git(place, "checkout", "-q", "topic")
    return place


def test_the_merge_base_and_not_the_tip(home: Path) -> None:
    found = repository_of(home).merge_base("main")
    assert found.commit == git(home, "rev-parse", "main~1")
    assert found.title == f"main ({found.commit[:8]})"


def test_a_worktree_has_the_revisions_files_and_goes(home: Path) -> None:
    repository = repository_of(home)
    (home / "file").write_text("dirty", encoding="utf-8")
    (home / "new").write_text("untracked", encoding="utf-8")
    before = git(home, "status", "--porcelain")
    with Interrupts() as interrupts, repository.worktree(repository.merge_base("main"), interrupts) as tree:
        assert (tree / "file").read_text(encoding="utf-8") == "one"
        assert not (tree / "new").exists()
        assert git(home, "status", "--porcelain") == before
    assert not tree.exists()
    assert not tree.parent.exists()
    assert len(git(home, "worktree", "list").splitlines()) == 1
    assert git(home, "status", "--porcelain") == before


def test_a_worktree_goes_after_an_exception_and_with_files_put_into_it(home: Path) -> None:
    repository = repository_of(home)
    revision = repository.merge_base("main")
    trees = []

    def work() -> None:
        with Interrupts() as interrupts, repository.worktree(revision, interrupts) as tree:
            trees.append(tree)
            (tree / "litter").write_text("", encoding="utf-8")
            (tree / "file").write_text("changed", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert not trees[0].parent.exists()
    assert len(git(home, "worktree", "list").splitlines()) == 1


def test_hooks_do_not_run(home: Path) -> None:
    hook = home / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{home}/ran'\n", encoding="utf-8")
    hook.chmod(0o755)
    repository = repository_of(home)
    with Interrupts() as interrupts, repository.worktree(repository.merge_base("main"), interrupts):
        pass
    assert not (home / "ran").exists()


def test_variables_of_a_hook_are_put_aside(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    expected = git(home, "rev-parse", "main~1")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    assert repository_of(home).merge_base("main").commit == expected
    assert not {"GIT_DIR", "GIT_INDEX_FILE"} & set(environment())
    assert environment()["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("nowhere", "--against nowhere: no such revision or file here; fetch it, or name a branch"),
        ("", "--against : no such revision or file here"),
        ("--output=x", "--against --output=x: not a revision"),
        ("main; touch x", "--against main; touch x: no such revision"),
        ("HEAD:file", "--against HEAD:file: no such revision"),
    ],
)
def test_what_is_not_a_revision(home: Path, ref: str, said: str) -> None:
    with pytest.raises(Problem) as caught:
        repository_of(home).merge_base(ref)
    assert str(caught.value).startswith(said)


def test_histories_that_never_met(home: Path) -> None:
    git(home, "checkout", "-q", "--orphan", "island")
    commit(home, "alone")
    with pytest.raises(Problem, match="no commit in common with HEAD"):
        repository_of(home).merge_base("main")


def test_a_shallow_clone(home: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", home.as_uri(), str(clone))
    with pytest.raises(Problem, match=r"this clone is shallow .* git fetch --unshallow, or fetch-depth: 0"):
        repository_of(clone).merge_base("origin/main")
    with pytest.raises(Problem, match=r"--against main~1: no such revision .*fetch-depth: 0"):
        repository_of(clone).merge_base("main~1")


def test_no_commit_yet(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    with pytest.raises(Problem, match="this repository has no commit yet"):
        repository_of(tmp_path).merge_base("main")


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="needs a git repository or a report's JSON file: not a git repository"):
        repository_of(tmp_path)


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="needs git, which is not installed"):
        repository_of(tmp_path)


def test_a_place_inside(home: Path, tmp_path: Path) -> None:
    (home / "sub").mkdir()
    repository = repository_of(home / "sub")
    assert repository == Repository(home.resolve())
    assert repository.inside(home / "sub") == Path("sub")
    with pytest.raises(Problem, match="is not in the repository"):
        repository.inside(tmp_path)


def test_a_folder_is_told_from_the_top_of_its_repository(tmp_path: Path) -> None:
    (tmp_path / "a b" / "c").mkdir(parents=True)
    assert folder_of(tmp_path / "a b") == ""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert folder_of(tmp_path) == ""
    assert folder_of(tmp_path / "a b" / "c") == "a b/c"


def test_the_lines_of_a_change(checkout) -> None:
    before = (checkout.top / "model.py").read_text(encoding="utf-8").splitlines()
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(\n            16,\n            12,\n        )")
    checkout.edit("        self.norm = nn.BatchNorm2d(outputs)\n", "")
    checkout.write("sub/né w.py", "x = 1\n")
    head = next(number for number, line in enumerate(before, 1) if "nn.Linear" in line) - 1
    norm = next(number for number, line in enumerate(before, 1) if "BatchNorm2d" in line) - 1
    repository = repository_of(checkout.top)
    found = repository.changed_since(repository.merge_base("main"), checkout.top / "sub")
    assert found == (
        Lines("../model.py", norm, norm),
        Lines("../model.py", head, head + 3),
        Lines("né w.py", 1, 2**31 - 1),
    )
