"""Follow a forward onto the threads that it starts, so that their work is recorded as its own."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any

from analyzer.tracing.replacements import Replacement, Replacements

STALLED_AFTER = 0.2
"""Seconds without a new operator after which a thread is taken to wait for another."""
POOL = "multiprocessing.pool"
Carry = Callable[[], AbstractContextManager[None]]


class Follower:
    """Runs what a forward hands to another thread as the forward's own work.

    `here` makes, where the call is handed over, what the call is to run inside of. One thread runs at a time, so that
    the order of operators is the same in each trace; one that gets no further, since it waits for another, is not
    waited for: `progress` is a number that changes with each operator. What `is_known` of an exception that ends a
    thread is not printed.
    """

    def __init__(
        self, here: Callable[[], Carry], progress: Callable[[], int], is_known: Callable[[BaseException], bool]
    ) -> None:
        self._here = here
        self._progress = progress
        self.is_known = is_known
        self._handed_over: list[Callable[[], bool]] = []
        self.ended = False

    @property
    def unfinished(self) -> bool:
        """Whether something that was handed over still runs."""
        return not all(is_done() for is_done in self._handed_over)

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call as another thread is to make it."""
        carry = self._here()

        @wraps(call)
        def carried(*args: Any, **kwargs: Any) -> Any:
            if self.ended:
                return call(*args, **kwargs)
            with carry(), _following(self):
                return call(*args, **kwargs)

        return carried

    def wait(self, is_done: Callable[[], bool]) -> None:
        """Let the other thread run until it is done, or gets no further."""
        self._handed_over.append(is_done)
        seen, since = self._progress(), time.monotonic()
        while not is_done() and time.monotonic() - since < STALLED_AFTER:
            time.sleep(0.0005)
            if self._progress() != seen:
                seen, since = self._progress(), time.monotonic()


class Here(threading.local):
    """The follower of the forward that runs on this thread."""

    follower: Follower | None = None


HERE = Here()


@contextmanager
def _following(follower: Follower | None) -> Iterator[None]:
    before, HERE.follower = HERE.follower, follower
    try:
        yield
    finally:
        HERE.follower = before


@contextmanager
def followed(follower: Follower) -> Iterator[None]:
    """Follow what this thread starts while the block runs; what other threads start is left alone."""
    with HANDING_OVER.held(), _following(follower):
        try:
            yield
        finally:
            follower.ended = True


def _submit(original: Any) -> Any:
    @wraps(original)
    def submit(self: Any, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        follower = HERE.follower
        if follower is None:
            return original(self, call, *args, **kwargs)  # type: ignore[no-any-return]
        carried = follower.wrap(call)
        with _following(None):  # the worker outlives the forward
            future: Future[Any] = original(self, carried, *args, **kwargs)
        follower.wait(future.done)
        return future

    return submit


def _start(original: Any) -> Any:
    @wraps(original)
    def start(self: threading.Thread) -> None:
        follower = HERE.follower
        if follower is None or getattr(getattr(self, "_target", None), "__module__", "") == POOL:
            original(self)
            return
        vars(self)["run"] = _quietly(follower, self, follower.wrap(self.run))
        original(self)
        follower.wait(lambda: not self.is_alive())

    return start


def _quietly(follower: Follower, thread: threading.Thread, call: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        del vars(thread)["run"]
        try:
            call()
        except BaseException as error:
            if not follower.is_known(error):
                raise

    return run


def _pooled(original: Any) -> Any:
    @wraps(original)
    def hand_over(self: Any, call: Any, *args: Any, **kwargs: Any) -> Any:
        follower = HERE.follower
        if follower is None:
            return original(self, call, *args, **kwargs)
        result = original(self, follower.wrap(call), *args, **kwargs)
        if hasattr(result, "ready"):
            follower.wait(result.ready)
        return result

    return hand_over


def _handing_over() -> list[Replacement]:
    pools = [(sys.modules[POOL].ThreadPool, name, _pooled) for name in POOLED] if POOL in sys.modules else []
    return [(ThreadPoolExecutor, "submit", _submit), (threading.Thread, "start", _start), *pools]


POOLED = ("apply_async", "_map_async", "imap", "imap_unordered")
HANDING_OVER = Replacements(_handing_over)
