"""The terminal around a run: progress on stderr, and stdout kept from the user's code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from analyzer.gating.channel import Message
    from analyzer.gating.workers import Listener


@contextmanager
def stdout_taken() -> Iterator[BinaryIO]:
    """A descriptor of its own for what stdout was; what user's code prints, and its child processes, goes to stderr.

    Nothing is left to read on stdin.
    """
    taken = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    with taken, redirect_stdout(sys.stderr):
        yield taken


@contextmanager
def progress_bar(targets: int) -> Iterator[Listener]:
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

        def show(message: Message) -> None:
            nonlocal begun
            begun += bool(message.begun)
            text = message.progress or f"{message.begun}: loading"
            shown.update(task, description=text, completed=max(begun - 1, 0))

        yield show


def is_terminal(stream: TextIO | None) -> bool:
    """False also for a stream that the caller closed."""
    return stream is not None and stream.isatty()
