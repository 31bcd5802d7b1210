"""Analyses in processes of their own, side by side."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analyzer.gating.interrupts import Interrupts
from analyzer.values.errors import Problem
from analyzer.values.results import Analysis

UNGATED: Final[tuple[str, ...]] = ("--no-gate",)
"""Options by which the command looks for no configuration of its own."""
PAUSE: Final = 0.02
"""Seconds between two looks at the processes."""


@dataclass(frozen=True, slots=True)
class Job:
    """One target, to be analysed in a directory."""

    target: str
    directory: Path
    inputs: Sequence[str] = ()
    checkpoint: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] | None = None
    """Instead of this process's own."""
    options: Sequence[str] = ()
    """Further options of the command."""

    def command(self, output: Path) -> list[str]:
        """This installation's analyzer, with nothing importable from the working directory but for the model."""
        inputs = [f"--input={spec}" for spec in self.inputs]
        settings = [f"--set={name}={value}" for name, value in self.settings.items()]
        weights = [f"--checkpoint={self.checkpoint}"] if self.checkpoint else []
        wanted = ["--quiet", f"--output=json:{output}", *inputs, *weights, *settings, *self.options, *UNGATED]
        return [sys.executable, "-P", "-m", "analyzer", *wanted, "--", self.target]


@dataclass(frozen=True, slots=True)
class _Started:
    job: Job
    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    def outcome(self) -> Analysis | Problem:
        if self.process.returncode in (0, 1) and self.output.exists():
            return Analysis.from_json(self.output.read_text(encoding="utf-8"))
        lines = self.errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = lines[-1].removeprefix("analyze: error: ") if lines else f"exit status {self.process.returncode}"
        return Problem(said if lines else f"{self.job.target}: the analysis ended with {said}")


def run(jobs: Sequence[Job], at_once: int | None = None) -> list[Analysis | Problem]:
    """The analysis of each job, or why there is none; no process outlives an exception such as Ctrl-C."""
    limit = at_once or os.cpu_count() or 1
    started: list[_Started] = []
    with Interrupts(), tempfile.TemporaryDirectory(prefix="analyze-") as place:
        try:
            for number, job in enumerate(jobs):
                _wait_below(started, limit)
                started.append(_start(job, Path(place), number))
            _wait_below(started, 1)
        finally:
            _stop(started)
        return [item.outcome() for item in started]


def _start(job: Job, place: Path, number: int) -> _Started:
    output, errors = place / f"{number}.json", place / f"{number}.txt"
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            job.command(output),
            cwd=job.directory,
            env=job.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stream,
        )
    return _Started(job, process, output, errors)


def _wait_below(started: Sequence[_Started], limit: int) -> None:
    """Wait until fewer than so many run; in short steps, so that a signal is acted upon."""
    while sum(item.process.poll() is None for item in started) >= limit:
        time.sleep(PAUSE)


def _stop(started: Sequence[_Started]) -> None:
    for item in started:
        if item.process.poll() is None:
            item.process.terminate()
    for item in started:
        with suppress(subprocess.TimeoutExpired):
            item.process.wait(timeout=5)
        if item.process.poll() is None:
            item.process.kill()
            item.process.wait()
