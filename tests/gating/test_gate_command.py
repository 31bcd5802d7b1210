"""The gate as the command: its exit status, and every report from one run."""

import sys
from pathlib import Path

import pytest

from analyzer import cli
from analyzer.gating import folder_of, plan_for
from analyzer.values.requests import ModelRequest

TARGET = "model.py:Net"


@pytest.fixture
def analyze(checkout, in_process, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """The command within this process, at the top of the repository: status, and what it wrote to stderr."""
    monkeypatch.chdir(checkout.top)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["analyze", *arguments])
        status = 0
        try:
            cli.main()
        except SystemExit as request:
            status = request.code or 0
        return status, capsys.readouterr().err

    return run


def reports(place: Path) -> list[str]:
    return [f"--output={name}:{place / name}" for name in ("comment", "sarif", "github", "gitlab", "junit", "json")]


def test_status_0_within_every_limit(checkout, analyze, tmp_path: Path) -> None:
    before = checkout.state()
    assert analyze(TARGET, "--against=main", *reports(tmp_path)) == (0, "")
    assert checkout.state() == before
    assert (tmp_path / "comment").read_text(encoding="utf-8").startswith("<!-- ")


def test_status_1_over_a_limit_with_every_report(checkout, analyze, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 50)")
    before = checkout.state()
    assert analyze(TARGET, "--against=main", *reports(tmp_path)) == (1, "")
    assert checkout.state() == before
    told = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir() if path.is_file()}
    assert "output features 10 to 50" in told["comment"]
    assert "exceeded" in told["summary"]
    assert "::error " in told["github"]
    assert "<failure" in told["junit"]
    assert '"level": "error"' in told["sarif"]
    assert '"verdict": "fail"' in told["json"]
    assert "model.py" in told["gitlab"]


def test_status_0_for_what_was_inherited(checkout, analyze, tmp_path: Path) -> None:
    checkout.edit("params = 4500", "params = 3000", "analyze.toml")
    checkout.commit()
    checkout.branch()
    assert analyze(TARGET, "--against=main", *reports(tmp_path)) == (0, "")
    assert '"verdict": "drift"' in (tmp_path / "json").read_text(encoding="utf-8")


def break_model(checkout) -> None:
    checkout.edit("from torch import nn", "from torch import nn\nimport nothing_of_this_name")


def break_base(checkout) -> None:
    break_model(checkout)
    checkout.commit()
    checkout.branch()
    checkout.edit("import nothing_of_this_name\n", "")


def break_pattern(checkout) -> None:
    checkout.edit("params = 4500", 'match = "bodi"\nparams = 4500', "analyze.toml")


def break_config(checkout) -> None:
    checkout.edit("params = 4500", "parms = 4500", "analyze.toml")


@pytest.mark.parametrize("breaking", [break_model, break_base, break_pattern, break_config])
def test_status_2_and_no_report_for_what_cannot_be_judged(checkout, analyze, tmp_path: Path, breaking) -> None:
    breaking(checkout)
    before = checkout.state()
    status, said = analyze(TARGET, "--against=main", *reports(tmp_path))
    assert status == 2
    assert said.startswith("analyze: error: ")
    assert "unexpected" not in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["repository"]
    assert checkout.state() == before


def test_status_2_for_a_base_that_is_not_there(analyze, tmp_path: Path) -> None:
    status, said = analyze(TARGET, "--against=nowhere", *reports(tmp_path))
    assert (status, "no such revision" in said) == (2, True)


def test_all_configured_models_in_processes_of_their_own(checkout, tmp_path: Path) -> None:
    text = (checkout.top / "analyze.toml").read_text(encoding="utf-8")
    checkout.write("small.py", "from torch import nn\nprint('noise')\nmodel = nn.Conv2d(3, 4, 1)\n")
    small = '\n[[models]]\nname = "small"\ntarget = "small.py"\ninput = "1x3x8x8"\n[[models.budgets]]\nparams = 15\n'
    checkout.write("analyze.toml", text + small)
    checkout.write("docs/text", "")
    before = checkout.state()
    process = checkout.start("--against=main", f"--output=comment:{tmp_path / 'comment'}")
    assert process.wait(timeout=120) == 1, process.stderr.read()
    assert checkout.state() == before
    comment = (tmp_path / "comment").read_text(encoding="utf-8")
    assert "small" in comment
    assert "New model: 16 parameters" in comment or "16 of 15" in comment


def test_where_the_directory_lies_in_the_repository(checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for inside, expected in ((".", ""), ("sub/ünder", "sub/ünder")):
        (checkout.top / inside).mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(checkout.top / inside)
        assert folder_of(plan_for(None, [ModelRequest("model.py")]).directory) == expected
    monkeypatch.chdir(tmp_path)
    assert folder_of(plan_for(None, [ModelRequest("model.py")]).directory) == ""
