"""Where reports and errors go when the place is awkward, and names that would act on a log."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

HOSTILE = "a\n::error::pwned\x1b[2J"


@pytest.fixture
def hostile(here):
    save_file({f"{HOSTILE}.weight": torch.zeros(8, 3, 3, 3), "::warning::x.weight": torch.zeros(4, 2)}, "w.safetensors")


@pytest.mark.parametrize("output", ["text:-", "github:-", "markdown:-", "comment:-", "summary:-"])
def test_no_line_of_a_report_is_a_workflow_command(here, hostile, output):
    done = here.analyze("w.safetensors", "--max-params", "1", "--output", output)
    lines = done.out.split("\n")
    assert "pwned" in done.out or output != "text:-"
    assert "\x1b" not in done.out
    assert not [line for line in lines if line.lstrip().startswith(("::error::", "::warning::"))]


def test_no_error_is_a_workflow_command(here):
    told = here.refused("model.py\n::error::pwned\x1b[2J")
    assert told.startswith(r"model.py\n::error::pwned\x1b[2J")


def test_a_summary_that_cannot_be_written_is_a_warning(here, monkeypatch):
    here.net()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(Path.cwd() / "no" / "such" / "folder"))
    done = here.analyze("model.py", "--max-params", "1M", "--quiet")
    assert done.status == 0
    assert done.err.startswith("analyze: warning: the step's summary cannot be written to ")


def run(*arguments, command=("-m", "analyzer"), **variables):
    environment = os.environ | variables
    command = [sys.executable, *command, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)


def test_a_stdout_that_is_not_utf_8(here):
    here.net()
    done = run("model.py", "--max-params", "1M", "--output", "comment:-", PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"## \u2705 Parameter budget kept" in done.stdout


def test_ctrl_c_before_the_command_is_imported(here):
    script = """
import sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == "analyzer.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from analyzer.__main__ import main
main()
"""
    done = run(command=("-c", script))
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"analyze: error: stopped\n")


@pytest.mark.parametrize("value", [1e30, -3e38, float("inf"), float("nan")])
def test_weights_beyond_all_measure(here, value):
    here.net()
    save_file(
        {
            "conv.weight": torch.full((8, 3, 3, 3), value),
            "conv.bias": torch.zeros(8),
            "head.weight": torch.full((10, 8), value),
            "head.bias": torch.zeros(10),
        },
        "w.safetensors",
    )
    done = here.analyze("model.py", "--checkpoint", "w.safetensors", "--output", "json:-")
    assert (done.status, done.err) == (0, "")


def test_a_nul_in_the_configuration(here):
    here.net()
    here.write("analyze.toml", '[[models]]\ntarget = "model\\u0000.py"\n')
    assert here.refused().endswith("analyze.toml: a text holds a NUL character, which no file or name can")


def test_a_byte_order_mark_in_the_configuration(here):
    here.net()
    here.write("analyze.toml", '\ufeff[[models]]\ntarget = "model.py"\n[[models.budgets]]\nparams = 1\n')
    assert here.analyze("model.py", "--quiet").status == 1
