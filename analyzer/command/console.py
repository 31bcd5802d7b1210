"""The terminal around a run: progress on stderr, and stdout kept for reports."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO


@contextmanager
def stdout_kept() -> Iterator[None]:
    """Keep stdout for reports: what the model's code prints, and what its child processes do, goes to stderr."""
    if sys.stdout is None or sys.stderr is None:  # closed by the caller
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def progress_bar(targets: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr, when it is a terminal: what is under way, and how many of several targets are done."""
    if not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("starting", total=targets if targets > 1 else None)
        begun = 0

        def progress(text: str) -> None:
            nonlocal begun
            begun += text.endswith(": loading")
            shown.update(task, description=text, completed=max(begun - 1, 0))

        yield progress


def is_terminal(stream: TextIO | None) -> bool:
    """False also for a stream that the caller closed."""
    return stream is not None and stream.isatty()
