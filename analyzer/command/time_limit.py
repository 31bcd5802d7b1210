"""A limit on the time that the user's code may take, reported with the line and the layer where it was."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import walk_stack
from types import FrameType
from typing import Any


@contextmanager
def time_limit(seconds: float | None, target: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell one sentence when the block takes longer; the block itself goes on, to be ended from outside."""
    if seconds is None:
        yield
        return
    thread = threading.get_ident()
    timer = threading.Timer(seconds, lambda: tell(_sentence(seconds, target, sys._current_frames().get(thread))))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _sentence(seconds: float, target: str, frame: FrameType | None) -> str:
    place, layer = _place(frame), _layer(frame)
    where = "".join((f" at {place}" if place else "", f" in {layer}" if layer else ""))
    return (
        f"{target}: not analysed within {seconds:g} s: it was{where or ' not in the model'}; allow more with --timeout"
    )


def _place(frame: FrameType | None) -> str:
    """The innermost line of the user's own files."""
    from analyzer.loading.sources import innermost

    source = innermost(reversed(list(walk_stack(frame)))) if frame else None
    return f"{source.file}:{source.line}" if source else ""


def _layer(frame: FrameType | None) -> str:
    """The innermost module whose method runs, by its path in the outermost one."""
    modules = list(_modules(frame))
    if not modules:
        return ""
    inner, outer = modules[0], modules[-1]
    paths = {id(module): path for path, module in dict(outer.named_modules()).items()}
    path = paths.get(id(inner), "")
    return f"layer `{path}` ({type(inner).__name__})" if path else type(inner).__name__


def _modules(frame: FrameType | None) -> Iterator[Any]:
    from analyzer.loading.sources import first_argument

    # torch may be half imported.
    kind: Any = getattr(getattr(sys.modules.get("torch"), "nn", None), "Module", None)
    for inner, _ in walk_stack(frame) if frame and kind else ():
        first = first_argument(inner)
        if isinstance(first, kind) and "_modules" in vars(first):
            yield first
