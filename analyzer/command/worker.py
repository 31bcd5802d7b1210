"""The process that analyses models for the command: an order on stdin, signed messages on what was its stdout.

Run as `python -P -m analyzer.command.worker`, by the command alone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from traceback import format_exception, walk_tb
from typing import BinaryIO

import msgspec

from analyzer.command.console import stdout_taken
from analyzer.gating.channel import Message, Order, sealed
from analyzer.values.errors import Problem, one_line
from analyzer.values.requests import WorkRequest

Tell = Callable[[Message], None]


class Reporter:
    """Sends messages, and none after the last one."""

    def __init__(self, stream: BinaryIO, key: str) -> None:
        self._stream, self._key = stream, key
        self._lock = threading.Lock()

    def __call__(self, message: Message) -> None:
        with self._lock:
            if self._stream.closed:
                return
            self._stream.write(sealed(message, self._key))
            self._stream.flush()
            if message.is_last:
                self._stream.close()


def main() -> None:
    """Read the order, then let nothing of the user's near stdin and stdout."""
    parent = os.getppid()
    # The command ends its workers itself when it is interrupted.
    signal.signal(signal.SIGINT, lambda *_: None)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    with stdout_taken() as stream:
        tell = Reporter(stream, order.key)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        tell(answer(order.request, tell))


def answer(request: WorkRequest, tell: Tell) -> Message:
    """How the work ended: its analyses, or a sentence that says why there are none."""
    from analyzer.command.studies import studied

    try:
        return Message(analyses=tuple(studied(request, tell)))
    except Problem as problem:
        return Message(problem=str(problem), example=problem.example, traceback=_traceback(problem))
    except Exception as error:
        return Message(problem=f"unexpected {one_line(error)}", traceback=_traceback(error))
    except BaseException as error:  # SystemExit and the like, which the user's code raised
        return Message(problem=_left(request, error), traceback=_traceback(error))


def _left(request: WorkRequest, error: BaseException) -> str:
    """A model that ends the interpreter has no result."""
    from analyzer.loading.sources import innermost

    source = innermost(walk_tb(error.__traceback__))
    place = f"{source.file}:{source.line}" if source else request.models[0].target
    return f"{place}: {one_line(error)}: the model's code ended the analysis; a model must not exit"


def _traceback(error: BaseException) -> str:
    return "".join(format_exception(error)).rstrip()


def _end_with(parent: int) -> None:
    """A command that was killed leaves no worker behind."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main()
