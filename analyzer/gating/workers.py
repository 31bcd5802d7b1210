"""Analyses in processes of their own, side by side: the user's code can neither end the command nor say what it found.

A worker's result counts only when it is complete and signed with the key of that worker, which it was given before it
ran anything of the user's; how the process ends says nothing.
"""

from __future__ import annotations

import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from analyzer.gating.channel import Message, Order, opened
from analyzer.gating.interrupts import Interrupts
from analyzer.values.errors import Problem
from analyzer.values.requests import WorkRequest
from analyzer.values.results import Analysis

WORKER: Final = "analyzer.command.worker"
PAUSE: Final = 0.05
"""Seconds between two looks at signals and clocks."""
GRACE: Final = 2.0
"""Seconds that a worker has to end once its result is there: threads that the model left behind may never end."""
LATE: Final = 20.0
"""Seconds beyond its time limit after which a worker is ended that could not do so itself."""
Listener = Callable[[Message], None]
Outcome = tuple[Analysis, ...] | Problem


@dataclass(frozen=True, slots=True)
class Job:
    """What one worker is to do, and where."""

    request: WorkRequest
    directory: Path
    environment: Mapping[str, str] | None = None
    """Instead of this process's own."""
    aloud: bool = False
    """Whether what the user's code prints is shown on stderr."""

    def command(self) -> list[str]:
        """This installation's analyzer, with nothing importable from the working directory but for the model."""
        return [sys.executable, "-P", "-m", WORKER]

    @property
    def title(self) -> str:
        return ", ".join(model.target for model in self.request.models)

    @property
    def patience(self) -> float | None:
        """Seconds after which the worker is ended from outside; None where what it does has no limit."""
        limit, takes_long = self.request.timeout, self.request.timing.wanted or self.request.fitting.wanted
        return None if limit is None or takes_long else limit * len(self.request.models) + LATE


class _Worker:
    """A process, and what it has sent so far."""

    def __init__(self, job: Job, lines: queue.SimpleQueue[tuple[_Worker, bytes]]) -> None:
        self.job = job
        self.last: Message | None = None
        self._keeps = False
        self._key = secrets.token_hex(32)
        self._forged = False
        self._deadline = time.monotonic() + job.patience if job.patience is not None else None
        self._stderr = None if job.aloud else tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the worker
        self.process = self._start()
        self._reader = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self._reader.start()

    def _start(self) -> subprocess.Popen[bytes]:
        aloud = None if sys.stderr is not None else subprocess.DEVNULL
        process = subprocess.Popen(
            self.job.command(),
            cwd=self.job.directory,
            env=self.job.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr or aloud,
        )
        with suppress(BrokenPipeError), _pipe(process.stdin) as stdin:
            stdin.write(msgspec.json.encode(Order(self._key, self.job.request)))
        return process

    def _read(self, lines: queue.SimpleQueue[tuple[_Worker, bytes]]) -> None:
        with _pipe(self.process.stdout) as stdout:
            for line in stdout:
                lines.put((self, line))

    def take(self, line: bytes, listen: Listener) -> None:
        """Note what a line says; nothing counts after the last message, or when one is not the worker's own."""
        message = opened(line, self._key)
        if message is None:
            self._forged = True
            self.process.kill()
        elif message.is_last:
            self.last = self.last or message
            self._deadline = time.monotonic() + GRACE
        elif self.last is None:
            self._keeps |= message.keeps
            listen(message)

    def interrupt(self) -> bool:
        """Ask for what it has so far, once; False when it would keep nothing."""
        keeps, self._keeps = self._keeps, False
        if keeps:
            self.process.send_signal(signal.SIGINT)
        return keeps

    def is_running(self) -> bool:
        """False once it has ended, or was ended because its time was over, and all that it said has arrived."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            self.process.kill()
        if self.process.poll() is None:
            return True
        # A process that the user's code forked may hold the descriptor open for ever.
        self._reader.join(GRACE)
        return False

    def outcome(self) -> Outcome:
        if self._forged:
            return Problem(f"{self.job.title}: the model's code wrote among the results, so none of them counts")
        if self.last is None:
            return Problem(f"{self.job.title}: the analysis ended before it had a result: {self._end()}")
        if self.last.problem is None:
            return self.last.analyses or ()
        problem = Problem(self.last.problem, self.last.example)
        problem.add_note(self.last.traceback)
        return problem

    def _end(self) -> str:
        status = self.process.wait()
        name = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        hint = ", as when memory runs out" if status == -signal.SIGKILL else ""
        said = self._last_line()
        return f"{name}{hint}{f' ({said})' if said else ''}"

    def close(self) -> None:
        """Nothing more is asked of it."""
        if self._stderr is not None:
            self._stderr.close()

    def _last_line(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        lines = self._stderr.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def run(jobs: Sequence[Job], listen: Listener = lambda _: None, at_once: int | None = None) -> list[Outcome]:
    """The analyses of each job, or why there are none, so many jobs at once; else as `run_each`."""
    limit = at_once or os.cpu_count() or 1
    outcomes: dict[int, Outcome] = {}
    run_each(jobs, outcomes.__setitem__, lambda running: running < limit, listen)
    return [outcomes[number] for number in range(len(jobs))]


def run_each(
    jobs: Iterable[Job],
    take: Callable[[int, Outcome], None],
    may_start: Callable[[int], bool],
    listen: Listener = lambda _: None,
) -> None:
    """Hand the number and the outcome of each job to `take` as soon as it ends; nothing of it is kept here.

    `may_start` says whether another one may begin beside so many that run. No process outlives an exception such as
    Ctrl-C; a worker that keeps what it has is interrupted with the first one, and waited for. `listen` gets the
    messages about what is under way.
    """
    lines: queue.SimpleQueue[tuple[_Worker, bytes]] = queue.SimpleQueue()
    running: dict[int, _Worker] = {}
    with Interrupts():
        try:
            for number, job in enumerate(jobs):
                while running and not may_start(len(running)):
                    _follow(running, lines, listen, take)
                running[number] = _Worker(job, lines)
            while running:
                _follow(running, lines, listen, take)
        finally:
            _stop(running.values())


def _follow(
    running: dict[int, _Worker],
    lines: queue.SimpleQueue[tuple[_Worker, bytes]],
    listen: Listener,
    take: Callable[[int, Outcome], None],
) -> None:
    """Take in what workers say for one short step, so that a signal is acted upon, and part with those that ended."""
    try:
        _drain(lines, listen, PAUSE)
    except KeyboardInterrupt:
        if not any(worker.interrupt() for worker in running.values()):
            raise
    ended = [number for number, worker in running.items() if not worker.is_running()]
    _drain(lines, listen, 0)
    for number in ended:
        take(number, running[number].outcome())
        running.pop(number).close()


def _drain(lines: queue.SimpleQueue[tuple[_Worker, bytes]], listen: Listener, wait: float) -> None:
    with suppress(queue.Empty):
        while True:
            worker, line = lines.get(wait > 0, wait)
            worker.take(line, listen)
            wait = 0


def _stop(started: Collection[_Worker]) -> None:
    for worker in started:
        if worker.process.poll() is None:
            worker.process.terminate()
    for worker in started:
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(timeout=5)
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait()
