"""What existed at the base, and where its code comes from."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from analyzer.gating.base import base_environment, base_of, exists
from analyzer.gating.plan import Plan, PlannedModel
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The base, and a head with more."""
    base, head = tmp_path / "base", tmp_path / "head"
    for place in (base, head):
        (place / "package").mkdir(parents=True)
        (place / "package" / "nets.py").write_text("def build(): ...\n")
        (place / "model.py").write_text("from x import imported as Other\nclass Net: ...\nmodel = Net()\na.b = 1\n")
        (place / "configs").mkdir()
    (base / "star.py").write_text("from x import *\n")
    (base / "lazy.py").write_text("def __getattr__(name): ...\n")
    (base / "broken.py").write_text("def (\n")
    (base / "weights.pth").write_bytes(b"")
    (head / "package" / "later.py").write_text("def build(): ...\n")
    return base, head


@pytest.mark.parametrize(
    "target",
    [
        "model.py",
        "model.py:Net",
        "model.py:model",
        "model.py:Other",
        "model.py:Net.inner",
        "star.py:anything",
        "lazy.py:anything",
        "broken.py:Net",  # to be told by running it, and not taken for new
        "package/nets.py:build",
        "package.nets:build",
        "torchvision.models:resnet18",
        "torchvision:resnet18",
        "timm:resnet18",
        "transformers:configs",
        "weights.pth",
    ],
)
def test_what_was_there(places: tuple[Path, Path], target: str) -> None:
    assert exists(target, *places)


@pytest.mark.parametrize(
    "target",
    ["other.py", "other.py:Net", "model.py:Larger", "model.py:b", "package/nets.py:get", "package.nets:get",
     "package.later:build", "transformers:models", "later.pth"],
)  # fmt: skip
def test_what_is_new(places: tuple[Path, Path], target: str) -> None:
    assert not exists(target, *places)


def test_folders_of_the_repository_are_those_of_the_worktree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top, tree = tmp_path / "top", tmp_path / "tree"
    for part in ("src", "lib", "finder/package"):
        (tree / part).mkdir(parents=True)
    finder = ModuleType("finder_of_setuptools")
    finder.MAPPING = {"package": str(top / "finder" / "package")}
    monkeypatch.setitem(sys.modules, finder.__name__, finder)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, SimpleNamespace(__module__=finder.__name__)])
    monkeypatch.setattr(sys, "path", [str(top / "src"), str(top / ".venv" / "site-packages"), "/elsewhere"])
    given = [str(top / "src"), str(top / "added"), "relative", "/shared", str(top / ".venv" / "site-packages")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(given))
    found = base_environment(top, tree)["PYTHONPATH"].split(os.pathsep)
    assert found == [
        str(tree / "src"),
        str(tree / "finder"),
        "relative",
        "/shared",
        str(top / ".venv" / "site-packages"),
    ]


def plan(directory: Path, *targets: str) -> Plan:
    return Plan(tuple(PlannedModel(ModelRequest(target)) for target in targets), directory)


def test_a_report_is_the_base_of_the_only_model(tmp_path: Path, analysis, layer) -> None:
    report = analysis(layer("conv", 3))
    (tmp_path / "base.json").write_text(report.to_json(), encoding="utf-8")
    found = base_of(plan(tmp_path, "renamed.py"), str(tmp_path / "base.json"))
    assert (found.analyses, found.counterparts) == ((report,), None)


def test_a_report_is_the_base_of_its_own_target_among_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, analysis, layer
) -> None:
    monkeypatch.chdir(tmp_path)
    report = analysis(layer("conv", 3))
    Path("base.json").write_text(report.to_json(), encoding="utf-8")
    assert base_of(plan(tmp_path, "other.py", "net.py"), "base.json").analyses == (None, report)
    with pytest.raises(Problem, match=r"--against base.json: it is of net.py, which is not analysed here"):
        base_of(plan(tmp_path, "other.py", "more.py"), "base.json")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema_version": 2}', "\udcff"])
def test_a_file_that_is_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(
        Problem, match=r"--against base.json: not a report in JSON \(.*write one with --output json:base"
    ):
        base_of(plan(tmp_path, "net.py"), "base.json")
