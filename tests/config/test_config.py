"""Where configuration is found, and that it is read from each kind of file."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from analyzer import config
from analyzer.values.errors import Problem

TOML = """\
[[{prefix}models]]
target = "model.py:build"
input = ["1x3x32x32"]
set = {{ width = 2, deep = true }}
[[{prefix}models.budgets]]
name = "mobile"
params = "5.0M"
macs = 600_000_001
size = "98MiB"
dtype = "float16"
max-increase = {{ params = "2%", min = "20k" }}
message = "ask first"
override = {{ params = "6M", reason = "the new head", until = 2031-12-31 }}
"""
CFG = """\
[metadata]
name = 100%%

[analyze]
select = GRP, SEP

[analyze:net]
target = model.py:build
input = 1x3x32x32
set = width=2, deep=True
params = 5.0M
macs = 600000001
max-increase =
    params=2%, min=20k
    macs=1%
override =
    params = 6M
    reason = the new head, really
    until = 2031-12-31

[analyze:net:backbone]
match = backbone.*
ignore = *.aux, head
params = 20000

[analyze:devices:board]
peak_gflops = 10
bandwidth_gbs = 2.5

[analyze:formulas]
mylib.op = kernels:op_macs
"""


def written(directory: Path, name: str, text: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(text, encoding="utf-8")
    return directory / name


@pytest.mark.parametrize(("name", "prefix"), [("analyze.toml", ""), ("pyproject.toml", "tool.analyze.")])
def test_toml(tmp_path: Path, name: str, prefix: str) -> None:
    found = config.read(written(tmp_path, name, TOML.format(prefix=prefix)))
    (model,) = found.models
    (budget,) = model.budgets
    assert (model.target, model.request.inputs) == ("model.py:build", ("1x3x32x32",))
    assert model.request.settings == {"width": "2", "deep": "True"}
    assert budget.limits == {"params": 5_000_000, "macs": 600_000_001, "size": 98 * 1024 * 1024}
    assert budget.increases[0].shares == {"params": Fraction(1, 50)}
    assert budget.increases[0].min == 20_000
    assert (budget.name, budget.match, budget.level, budget.message) == ("mobile", "*", "error", "ask first")
    assert budget.override is not None
    assert (budget.override.limits, budget.override.until) == ({"params": 6_000_000}, date(2031, 12, 31))
    assert found.directory == tmp_path


def test_setup_cfg(tmp_path: Path) -> None:
    found = config.read(written(tmp_path, "setup.cfg", CFG))
    (model,) = found.models
    whole, backbone = model.budgets
    assert found.select == ("GRP", "SEP")
    assert (model.name, model.request.inputs, model.request.settings) == (
        "net",
        ("1x3x32x32",),
        {"width": "2", "deep": "True"},
    )
    assert whole.limits == {"params": 5_000_000, "macs": 600_000_001}
    assert [increase.shares for increase in whole.increases] == [
        {"params": Fraction(1, 50)},
        {"macs": Fraction(1, 100)},
    ]
    assert whole.override is not None
    assert whole.override.reason == "the new head, really"
    assert (backbone.title, backbone.match, backbone.ignore) == ("backbone", "backbone.*", ("*.aux", "head"))
    board = found.device("board")
    assert board is not None
    assert board.bandwidth == 2.5e9
    assert found.formulas == {"mylib.op": "kernels:op_macs"}


def test_one_model_in_the_general_section(tmp_path: Path) -> None:
    found = config.read(written(tmp_path, "setup.cfg", "[analyze]\ntarget = model.py\nparams = 5M\nlevel = warn\n"))
    assert [(model.target, model.budgets[0].level) for model in found.models] == [("model.py", "warn")]


def test_one_input_needs_no_list(tmp_path: Path) -> None:
    found = config.read(written(tmp_path, "analyze.toml", '[[models]]\ntarget = "m.py"\ninput = "1x3x8x8"\n'))
    assert found.models[0].request.inputs == ("1x3x8x8",)


def test_the_nearest_directory_and_the_first_file_win(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    outer = written(tmp_path, "pyproject.toml", "[tool.analyze]\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert config.find(inner) == outer
    middle = written(tmp_path / "a", "setup.cfg", "[analyze]\n")
    assert config.find(inner) == middle
    first = written(tmp_path / "a", "analyze.toml", "")
    assert config.find(inner) == first


def test_files_of_other_tools_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    written(tmp_path, "pyproject.toml", "[tool.other]\n")
    written(tmp_path, "setup.cfg", "[metadata]\nname = x\n")
    assert config.find(tmp_path) is None
    with pytest.raises(Problem, match=r"no \[tool.analyze\] table and no \[analyze\] section"):
        config.read(tmp_path / "setup.cfg")


def test_nothing_is_looked_for_beyond_the_repository(tmp_path: Path) -> None:
    written(tmp_path, "analyze.toml", "")
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    assert config.find(tmp_path / "repository") is None


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"cannot read .*gone\.toml: No such file"):
        config.read(tmp_path / "gone.toml")


def test_nothing_configured(tmp_path: Path) -> None:
    assert config.read(written(tmp_path, "analyze.toml", "")).models == ()
