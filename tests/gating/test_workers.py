"""Processes of their own: what is asked of them, and how they end."""

import sys
import time
from pathlib import Path

import pytest

from analyzer.gating import workers
from analyzer.gating.workers import Job, run
from analyzer.values.errors import Problem

REPORT = """\
import sys, time
out = next(item for item in sys.argv if item.startswith("--output=json:")).partition(":")[2]
"""


class Scripted(Job):
    """A job whose process runs a few lines of Python instead of the analyzer."""

    def command(self, output: Path) -> list[str]:
        return [sys.executable, "-S", "-c", REPORT + self.target, *super().command(output)[4:]]


def scripted(text: str, directory: Path) -> Job:
    return Scripted(text, directory)


def writing(text: str, status: int) -> str:
    return f"open(out, 'w').write({text!r}); sys.exit({status})"


def test_the_command() -> None:
    job = Job("model.py", Path(), ("1x3x8x8",), "w.pth", {"width": "2"}, options=("--trust-checkpoint",))
    executable, *arguments = job.command(Path("out.json"))
    assert executable == sys.executable
    assert arguments[:3] == ["-P", "-m", "analyzer"]
    assert {"--quiet", "--output=json:out.json", "--input=1x3x8x8", "--checkpoint=w.pth", "--set=width=2"} < {
        *arguments
    }
    assert arguments[-2:] == ["--", "model.py"]


@pytest.mark.parametrize("status", [0, 1])
def test_reports_in_the_order_of_the_jobs(tmp_path: Path, analysis, layer, status: int) -> None:
    nets = [analysis(layer("conv", number)) for number in range(3)]
    assert run([scripted(writing(net.to_json(), status), tmp_path) for net in nets], at_once=2) == nets


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sys.exit('noise\\nanalyze: error: model.py:3: NameError')", "model.py:3: NameError"),
        ("sys.exit(2)", "sys.exit(2): the analysis ended with exit status 2"),
        ("sys.exit(0)", "sys.exit(0): the analysis ended with exit status 0"),
    ],
)
def test_problems(tmp_path: Path, script: str, said: str) -> None:
    (found,) = run([scripted(script, tmp_path)])
    assert isinstance(found, Problem)
    assert str(found) == said


def test_a_report_that_came_with_status_2_is_none(tmp_path: Path, analysis) -> None:
    (found,) = run([scripted(writing(analysis().to_json(), 2), tmp_path)])
    assert isinstance(found, Problem)


def test_no_process_outlives_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = workers._start
    monkeypatch.setattr(workers, "_start", lambda *given: started.append(start(*given)) or started[-1])
    monkeypatch.setattr(
        workers, "_wait_below", lambda items, limit: (_ for _ in ()).throw(KeyboardInterrupt) if items else None
    )
    with pytest.raises(KeyboardInterrupt):
        run([scripted("time.sleep(60)", tmp_path)])
    before = time.monotonic()
    assert started[0].process.wait(timeout=10) != 0
    assert time.monotonic() - before < 10
