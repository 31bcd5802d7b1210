"""Bases of every kind: what cannot be resolved is refused and never green, and all else is left as it was."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from analyzer import config
from analyzer.formats.ci import github
from analyzer.gating import base, check_base, plan_for
from analyzer.gating.base import base_of
from analyzer.gating.interrupts import Interrupts
from analyzer.gating.repository import repository_of
from analyzer.gating.workers import Job
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

WAITING = """\
import pathlib, time
pathlib.Path({marker!r}).write_text("here")
time.sleep(60)
Net = None
"""


def test_a_head_that_does_not_import(checkout, in_process) -> None:
    checkout.edit("from torch import nn", "from torch import nn\nimport nothing_of_this_name")
    assert checkout.refused().startswith("model.py:2: ModuleNotFoundError: ")


def test_a_base_that_does_not_import(checkout, in_process) -> None:
    checkout.edit("from torch import nn", "from torch import nn\nimport nothing_of_this_name")
    checkout.commit("Break")
    checkout.branch()
    checkout.edit("import nothing_of_this_name\n", "")
    checkout.commit("Mend")
    said = checkout.refused()
    assert said.startswith("the base main (")
    assert "could not be analysed: model.py:2: ModuleNotFoundError: No module named 'nothing_of_this_name'" in said


def test_a_base_whose_configuration_is_wrong(checkout, in_process) -> None:
    checkout.edit("params = 4500", "parms = 4500", "analyze.toml")
    checkout.commit("Break")
    checkout.branch()
    checkout.edit("parms", "params", "analyze.toml")
    said = checkout.refused()
    assert said.startswith("the configuration at the base main (")
    assert "cannot be read: analyze.toml: models 1, budgets 'mobile': unknown key 'parms'" in said


def break_base(checkout) -> None:
    """main cannot be imported, and this branch mends it and widens the head."""
    checkout.edit("from torch import nn", "from torch import nn\nimport nothing_of_this_name")
    checkout.commit("Break")
    checkout.branch()
    checkout.edit("import nothing_of_this_name\n", "")
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 40)")


@pytest.mark.parametrize(("limit", "expected"), [("4500", "pass"), ("4000", "fail")])
def test_a_broken_base_leaves_absolute_limits_to_judge_when_that_is_asked_for(
    checkout, in_process, limit: str, expected: str
) -> None:
    break_base(checkout)
    checkout.edit("params = 4500", f"params = {limit}", "analyze.toml")
    assert "(--broken-base=absolute checks absolute limits alone)" in checkout.refused()
    (net,) = checkout.gate(broken_base="absolute")
    assert (net.verdict, [line.status for line in net.budget]) == (expected, [expected, "off"])
    assert net.difference is None
    (absence,) = net.absences
    assert absence.what == "comparison with the base"
    assert "could not be analysed: model.py:2: ModuleNotFoundError" in absence.reason
    assert absence.reason.endswith("; only absolute limits were checked")


def test_a_broken_configuration_at_the_base_as_well(checkout, in_process) -> None:
    checkout.edit("params = 4500", "parms = 4500", "analyze.toml")
    checkout.commit("Break")
    checkout.branch()
    checkout.edit("parms", "params", "analyze.toml")
    assert checkout.gate(broken_base="absolute")[0].verdict == "pass"


def test_a_base_without_configuration(checkout, in_process) -> None:
    text = (checkout.top / "analyze.toml").read_text(encoding="utf-8")
    (checkout.top / "analyze.toml").unlink()
    checkout.commit("Nothing agreed")
    checkout.branch()
    checkout.write("analyze.toml", text)
    (net,) = checkout.gate()
    assert (net.verdict, net.difference.before, net.difference.budgets) == ("pass", net.total, ())


def test_a_base_without_the_directory(checkout, in_process) -> None:
    shutil.copy(checkout.top / "model.py", checkout.top / "model_of_sub.py")
    checkout.write("sub/analyze.toml", (checkout.top / "analyze.toml").read_text(encoding="utf-8"))
    checkout.write("sub/model.py", (checkout.top / "model.py").read_text(encoding="utf-8"))
    (net,) = checkout.gate("main", "sub")
    assert (net.verdict, net.difference.before) == ("pass", None)


@pytest.mark.parametrize("ref", ["nowhere", "--all", "HEAD:model.py"])
def test_a_revision_that_is_none(checkout, in_process, ref: str) -> None:
    assert checkout.refused(ref).startswith(f"--against {ref}: n")


def test_a_base_is_looked_for_before_anything_is_analysed(checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout.top)
    plan = plan_for(None, [ModelRequest("not there.py")])
    check_base(plan, "main")
    check_base(plan, "model.py")  # a file, whatever it holds
    with pytest.raises(Problem, match="--against nowhere: no such revision or file here"):
        check_base(plan, "nowhere")


def test_a_shallow_clone_without_the_merge_base(checkout, in_process, tmp_path: Path) -> None:
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 11)")
    checkout.commit()
    clone = tmp_path / "clone"
    source = f"file://{checkout.top}"
    subprocess.run(["git", "clone", "-q", "--depth=1", "--no-single-branch", source, str(clone)], check=True)
    said = type(checkout)(clone).refused("origin/main")
    assert "this clone is shallow" in said
    assert "git fetch --unshallow, or fetch-depth: 0" in said
    subprocess.run(["git", "fetch", "-q", "--unshallow"], cwd=clone, check=True)
    assert type(checkout)(clone).gate("origin/main")[0].verdict == "pass"


def test_uncommitted_changes_are_the_head(checkout, in_process) -> None:
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 99)")
    subprocess.run(["git", "add", "model.py"], cwd=checkout.top, check=True)
    checkout.edit("nn.Linear(16, 99)", "nn.Linear(16, 50)")
    checkout.write("untracked", "")
    (net,) = checkout.gate("HEAD")
    assert (net.total.params - net.difference.before.params, net.verdict) == (40 * 17, "fail")


def test_the_merge_base_and_not_what_main_became(checkout, in_process) -> None:
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 11)")
    checkout.commit()
    subprocess.run(["git", "checkout", "-q", "main"], cwd=checkout.top, check=True)
    checkout.edit("Block(8, 16)", "Block(8, 16, 1)")
    checkout.commit("main goes on")
    subprocess.run(["git", "checkout", "-q", "topic"], cwd=checkout.top, check=True)
    (net,) = checkout.gate()
    assert net.total.params - net.difference.before.params == 17


def test_from_a_subdirectory(checkout, in_process) -> None:
    checkout.write("docs/deep/text", "")
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 50)")
    checkout.commit()
    whole, named = checkout.gate("main", "docs/deep"), checkout.gate("main", "docs", "../model.py:Net")
    assert [net.verdict for net in (*whole, *named)] == ["fail", "fail"]
    assert [net.model.file for net in (*whole, *named)] == ["model.py", "../model.py"]
    assert named[0].difference.before == whole[0].difference.before


def test_a_report_is_a_base(checkout, in_process) -> None:
    (before,) = checkout.gate(None)
    (checkout.top / ".git" / "base.json").write_text(before.to_json(), encoding="utf-8")
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 50)")
    (net,) = checkout.gate(str(checkout.top / ".git" / "base.json"))
    assert (net.verdict, net.difference.before) == ("fail", before.total)


def test_spaces_and_letters_of_all_kinds(checkout) -> None:
    """In a process of its own, as it is outside these tests."""
    home = checkout.top.parent / "my nets — 模型 ñ'\"$(x)"
    checkout.top.rename(home)
    moved = type(checkout)(home)
    (home / "größe und mehr").mkdir()
    (home / "model.py").rename(home / "größe und mehr" / "mein modell.py")
    moved.edit('"model.py:Net"', '"größe und mehr/mein modell.py:Net"', "analyze.toml")
    moved.commit("Rename")
    moved.branch()
    moved.edit("nn.Linear(16, 10)", "nn.Linear(16, 50)", "größe und mehr/mein modell.py")
    (net,) = moved.gate()
    assert (net.verdict, net.total.params - net.difference.before.params) == ("fail", 40 * 17)
    assert net.difference.layers[0].after.file == "größe und mehr/mein modell.py"
    assert "file=größe und mehr/mein modell.py,line=" in github.render([net])


def test_packages_of_the_repository_are_those_of_the_base(checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.write("src/widths.py", "WIDTH = 10\n")
    checkout.edit("from torch import nn", "from torch import nn\nfrom widths import WIDTH")
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, WIDTH)")
    checkout.commit("Keep widths apart")
    checkout.branch()
    checkout.write("src/widths.py", "WIDTH = 50\n")
    monkeypatch.setenv("PYTHONPATH", str(checkout.top / "src"))
    monkeypatch.syspath_prepend(str(checkout.top / "src"))
    (net,) = checkout.gate()
    assert net.total.params - net.difference.before.params == 40 * 17
    sys.modules.pop("widths", None)


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, 2)])
def test_killed_half_way(checkout, tmp_path: Path, number: int, status: int) -> None:
    """While the base is analysed, which here takes forever."""
    process, before = half_way(checkout, tmp_path)
    process.send_signal(number)
    assert process.wait(timeout=20) == status
    assert checkout.state() == before
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.usefixtures("default_signals")
def test_in_the_background_only_what_is_not_ignored_ends_it(checkout, tmp_path: Path) -> None:
    """A shell starts what runs in the background with SIGINT ignored; `nohup` ignores SIGHUP."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    process, before = half_way(checkout, tmp_path)
    for number in (signal.SIGINT, signal.SIGHUP):
        process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 128 + signal.SIGTERM
    assert checkout.state() == before


def half_way(checkout, tmp_path: Path) -> tuple[subprocess.Popen[str], tuple[str, ...]]:
    """A command that has begun to analyse the base, which never ends, and the state of the repository before it."""
    text = (checkout.top / "model.py").read_text(encoding="utf-8")
    checkout.write("model.py", WAITING.format(marker=str(tmp_path / "marker")))
    checkout.commit("Wait")
    checkout.branch()
    checkout.write("model.py", text)
    checkout.write("untracked", "")
    before = checkout.state()
    (tmp_path / "temporary").mkdir()
    process = checkout.start("--against", "main", TMPDIR=str(tmp_path / "temporary"))
    deadline = time.monotonic() + 60
    while not (tmp_path / "marker").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(checkout.state()[1].split("worktree ")) == 3
    return process, before


def test_in_a_hook_of_git(checkout, in_process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(checkout.top / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(checkout.top / ".git" / "index"))
    monkeypatch.setenv("GIT_PREFIX", "")
    assert checkout.gate()[0].verdict == "pass"


def git(directory: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


LIBRARY = "from torch import nn\n\n\ndef head(inputs):\n    return nn.Linear(inputs, 10)\n"


def with_submodule(checkout, tmp_path: Path) -> None:
    """main takes its head from a submodule, in which there is another one."""
    for name, text in (("inner", "WIDTH = 10\n"), ("library", LIBRARY)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "parts.py").write_text(text)
        git(tmp_path / name, "init", "-q")
        git(tmp_path / name, "add", "-A")
        git(tmp_path / name, "commit", "-qm", "x")
    git(tmp_path / "library", "submodule", "--quiet", "add", str(tmp_path / "inner"), "inner")
    (tmp_path / "library" / "parts.py").write_text(
        LIBRARY.replace("10", "WIDTH").replace("from torch", "from library.inner.parts import WIDTH\nfrom torch")
    )
    git(tmp_path / "library", "add", "-A")
    git(tmp_path / "library", "commit", "-qm", "y")
    git(checkout.top, "submodule", "--quiet", "add", str(tmp_path / "library"), "library")
    git(checkout.top, "submodule", "--quiet", "update", "--init", "--recursive")
    checkout.edit("from torch import nn", "from torch import nn\nfrom library.parts import head")
    checkout.edit("nn.Linear(16, 10)", "head(16)")
    checkout.commit("Use a library")
    checkout.branch()


def test_the_bases_submodules_are_those_of_the_clone(checkout, in_process, tmp_path: Path) -> None:
    with_submodule(checkout, tmp_path)
    (net,) = checkout.gate()
    assert (net.verdict, net.difference.before) == ("pass", net.total)


def test_a_submodule_that_the_clone_lacks_is_named(checkout, in_process, tmp_path: Path) -> None:
    with_submodule(checkout, tmp_path)
    checkout.edit("from library.parts import head\n", "")
    checkout.edit("head(16)", "nn.Linear(16, 10)")
    git(checkout.top, "submodule", "--quiet", "deinit", "--force", "--all")
    shutil.rmtree(checkout.top / ".git" / "modules")
    said = checkout.refused()
    assert "No module named 'library.parts'" in said
    assert "; its submodule library is not in this clone: git submodule update --init fetches it" in said


def test_a_pointer_of_git_lfs_is_no_checkpoint_of_the_base(checkout, in_process) -> None:
    checkout.write(".gitattributes", "*.pth filter=lfs\n")
    checkout.write("w.pth", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    git(checkout.top, "config", "filter.lfs.smudge", "no-such-command")
    git(checkout.top, "config", "filter.lfs.required", "true")
    git(checkout.top, "config", "filter.lfs.clean", "cat")
    checkout.edit('input = "1x3x16x16"', 'input = "1x3x16x16"\ncheckpoint = "w.pth"', "analyze.toml")
    checkout.commit("Add weights")
    checkout.branch()
    checkout.edit('checkpoint = "w.pth"\n', "", "analyze.toml")
    (net,) = checkout.gate()
    assert net.difference.before == net.total


def test_the_worktree_of_a_killed_run_is_taken_away(checkout, in_process, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    before = checkout.state()
    trees = [tmp_path / "temporary" / f"analyze-{number}-x" / "base" for number in (ended.pid, os.getpid())]
    for tree in trees:
        git(checkout.top, "worktree", "add", "--quiet", "--detach", str(tree))
    assert (checkout.top / ".git" / "worktrees").exists()
    repository = repository_of(checkout.top)
    with Interrupts() as interrupts, repository.worktree(repository.merge_base("main"), interrupts):
        assert [tree.parent.exists() for tree in trees] == [False, True]
    git(checkout.top, "worktree", "remove", str(trees[1]))
    assert checkout.state() == before


def test_a_repository_of_another_user(checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(
        Problem, match="because it belongs to another user; run as that user, or trust it with git config"
    ):
        repository_of(checkout.top)


OWN_OPERATOR = """\
import torch
from torch import nn


@torch.library.custom_op("analyzer_base_tests::mix", mutates_args=())
def mix(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return x @ w


@mix.register_fake
def _(x, w):
    return x.new_empty(x.shape[0], w.shape[1])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 4))

    def forward(self, x):
        return mix(x, self.w)
"""
OWN_FORMULA = """\
[formulas]
"analyzer_base_tests::mix" = "kernels:mix_macs"
[[models]]
target = "model.py:Net"
input = "5x6"
"""


def test_the_base_counts_with_the_formulas_of_its_own_configuration(
    checkout, in_process, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.write("model.py", OWN_OPERATOR)
    checkout.write("kernels.py", "def mix_macs(x, out):\n    return 2\n")
    checkout.write("analyze.toml", OWN_FORMULA)
    checkout.commit("Name the formula")
    checkout.branch()
    checkout.edit("mix_macs", "macs_of_mix", "kernels.py")
    checkout.edit("mix_macs", "macs_of_mix", "analyze.toml")
    monkeypatch.chdir(checkout.top)
    (found,) = base_of(plan_for(config.read(config.find(Path.cwd()))), "main").analyses
    assert (found.total.macs, found.complete) == (2, True)
    assert [used.source for used in found.formulas] == ["kernels:mix_macs"]


def test_a_pointer_of_git_lfs_is_named_where_it_is_the_target_of_the_base(checkout, in_process) -> None:
    checkout.write("w.pth", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    checkout.commit("Add weights")
    checkout.branch()
    torch.save({"a.weight": torch.zeros(3, 4)}, checkout.top / "w.pth")
    said = checkout.refused("main", ".", "w.pth")
    assert "w.pth is a Git LFS pointer at the base" in said
    assert "--against FILE.json" in said


def test_the_base_has_the_time_limit_of_the_head(checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Job] = []

    def note(jobs: list[Job]) -> list[Problem]:
        asked.extend(jobs)
        return [Problem("not asked")] * len(jobs)

    monkeypatch.setattr(base, "run", note)
    plan = replace(plan_for(config.read(checkout.top / "analyze.toml")), timeout=7.5)
    base_of(plan, "main", may_be_broken=True)
    assert [job.request.timeout for job in asked] == [7.5]
