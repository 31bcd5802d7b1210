"""Signals that end the process, made exceptions so that what was set up is taken down again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupts:
    """While entered, SIGINT raises KeyboardInterrupt, SIGTERM and SIGHUP SystemExit with 128 + their number.

    Within `held`, they wait until its end. A signal that is ignored, as in the background and under `nohup`, stays so;
    so does one whose handler is not Python's. Does nothing outside the main thread, where Python takes no signals.
    """

    def __init__(self) -> None:
        self._former: dict[int, Any] = {}
        self._holding = 0
        self._pending: int | None = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._former[number] = signal.signal(number, self._on)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What must not be cut short."""
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
            if not self._holding and self._pending is not None:
                number, self._pending = self._pending, None
                _raise(number)

    def _on(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._holding:
            self._pending = number
        else:
            _raise(number)


def _raise(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
