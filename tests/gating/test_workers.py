"""Processes of their own: what counts as their result, and how they end."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.gating import workers
from analyzer.gating.channel import Message, opened, sealed
from analyzer.gating.workers import Job, run, run_each
from analyzer.values.errors import Problem
from analyzer.values.requests import FittingOptions, ModelRequest, TimingOptions, WorkRequest

SCRIPT = """\
import os, sys, threading, time
import msgspec
from analyzer.command.console import stdout_taken
from analyzer.command.worker import Reporter
from analyzer.gating.channel import Message, Order, sealed
order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
with stdout_taken() as stream:
    tell = Reporter(stream, order.key)
    {}
"""


class Scripted(Job):
    """A job whose process runs a line of Python instead of analysing; `tell` and `stream` are there for it."""

    def command(self) -> list[str]:
        return [sys.executable, "-c", SCRIPT.format(self.request.models[0].name)]


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[..., Job]:
    def job(line: str, **options) -> Job:
        return Scripted(WorkRequest((ModelRequest("net.py", name=line),), **options), tmp_path)

    return job


def said(job: Job) -> str:
    (found,) = run([job])
    assert isinstance(found, Problem)
    return str(found)


def test_the_command_is_this_installation_and_sees_no_working_directory() -> None:
    executable, *arguments = Job(WorkRequest(()), Path()).command()
    assert (executable, arguments) == (sys.executable, ["-P", "-m", "analyzer.command.worker"])


def test_results_in_the_order_of_the_jobs(tmp_path: Path) -> None:
    for width in (3, 5, 4):
        (tmp_path / f"net{width}.py").write_text(f"from torch import nn\nmodel = nn.Linear(2, {width})\n")
    jobs = [Job(WorkRequest((ModelRequest(f"net{width}.py"),)), tmp_path) for width in (3, 5, 4)]
    begun = []
    found = run(jobs, lambda message: begun.append(message.begun), at_once=2)
    assert [analysis.total.params for (analysis,) in found] == [2 * 3 + 3, 2 * 5 + 5, 2 * 4 + 4]
    assert {"net3.py", "net5.py", "net4.py"} <= {*begun}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tell(Message(problem='model.py:3: NameError'))", "model.py:3: NameError"),
        ("os._exit(0)", "net.py: the analysis ended before it had a result: exit status 0"),
        ("sys.exit(1)", "net.py: the analysis ended before it had a result: exit status 1"),
        ("sys.exit('noise')", "net.py: the analysis ended before it had a result: exit status 1 (noise)"),
        (
            "os.kill(os.getpid(), 9)",
            "net.py: the analysis ended before it had a result: signal SIGKILL, as when memory runs out",
        ),
        ("tell(Message(progress='half'))", "net.py: the analysis ended before it had a result: exit status 0"),
    ],
)
def test_success_is_a_complete_result_and_no_exit_status(scripted, line: str, expected: str) -> None:
    assert said(scripted(line)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "stream.write(sealed(Message(analyses=()), 'another key'))",
        "stream.write(b'{}')",
        "tell(Message(progress='x')); stream.write(b'\\xff\\n'); stream.flush(); tell(Message(analyses=()))",
    ],
)
def test_what_is_not_signed_spoils_the_result(scripted, line: str) -> None:
    assert said(scripted(line)) == "net.py: the model's code wrote among the results, so none of them counts"


def test_nothing_counts_after_the_last_message(scripted) -> None:
    forged = "stream = os.fdopen(os.dup(stream.fileno()), 'wb'); tell(Message(problem='over')); "
    assert said(scripted(forged + "stream.write(sealed(Message(analyses=()), order.key))")) == "over"


def test_the_traceback_is_kept_for_debug(scripted) -> None:
    (found,) = run([scripted("tell(Message(problem='x', traceback='Traceback: there'))")])
    assert isinstance(found, Problem)
    assert found.__notes__ == ["Traceback: there"]


def test_a_key_is_new_for_each_worker(scripted) -> None:
    keys = [said(scripted("tell(Message(problem=order.key))")) for _ in range(2)]
    assert len(set(keys)) == 2


def test_only_the_key_opens_a_message() -> None:
    line = sealed(Message(progress="x"), "key")
    assert opened(line, "key") == Message(progress="x")
    assert opened(line, "kez") is None
    assert opened(line.replace(b'"x"', b'"y"'), "key") is None
    assert opened(b"", "key") is None


def test_threads_that_never_end_are_not_waited_for(scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE", 0.2)
    line = "threading.Thread(target=time.sleep, args=(60,)).start(); tell(Message(problem='done'))"
    before = time.monotonic()
    assert said(scripted(line)) == "done"
    assert time.monotonic() - before < 30


def test_a_forked_process_is_not_waited_for(scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE", 0.2)
    before = time.monotonic()
    assert said(scripted("tell(Message(problem='done')) if os.fork() else time.sleep(40)")) == "done"
    assert time.monotonic() - before < 30


def test_a_worker_that_cannot_stop_itself_is_ended(scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LATE", 0.5)
    assert "signal SIGKILL" in said(scripted("time.sleep(60)", timeout=0.1))


def test_timing_has_a_limit_of_its_own() -> None:
    assert Job(WorkRequest((), timing=TimingOptions(wanted=True)), Path()).patience is None
    assert Job(WorkRequest((), timeout=None), Path()).patience is None


def test_fitting_takes_as_long_as_it_takes() -> None:
    assert Job(WorkRequest((), fitting=FittingOptions(("macs=50%",))), Path()).patience is None


def test_no_process_outlives_an_interrupt(scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def interrupt(running, *_) -> None:
        started.extend(running.values())
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "_follow", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run([scripted("time.sleep(60)")])
    assert started[0].process.poll() not in (None, 0)


def test_no_worker_outlives_the_command(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import os, time\nopen('pid', 'w').write(str(os.getpid()))\nos.rename('pid', 'there')\ntime.sleep(60)\n"
    )
    script = (
        "from analyzer.gating.workers import *; from analyzer.values.requests import *; "
        "run([Job(WorkRequest((ModelRequest('net.py'),)), Path.cwd())])"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path)
    _until((tmp_path / "there").exists)
    parent.kill()
    parent.wait()
    worker = int((tmp_path / "there").read_text())
    _until(lambda: not _is_alive(worker))


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def _is_alive(number: int) -> bool:
    """Whether a process is there and runs: one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_each_outcome_is_handed_over_as_it_ends(scripted: Callable[..., Job]) -> None:
    slow = "time.sleep(3); tell(Message(analyses=()))"
    quick = "tell(Message(analyses=()))"
    ended = []
    run_each([scripted(slow), scripted(quick)], lambda number, outcome: ended.append((number, outcome)), lambda _: True)
    assert ended == [(1, ()), (0, ())]


def test_no_more_start_than_may(scripted: Callable[..., Job], tmp_path: Path) -> None:
    line = "open(f'{time.monotonic()}', 'w').close(); time.sleep(0.2); tell(Message(analyses=())) # net.py"
    most = []
    run_each([scripted(line)] * 3, lambda *_: None, lambda running: most.append(running))
    assert set(most) == {1}
    assert len(list(tmp_path.iterdir())) == 3
