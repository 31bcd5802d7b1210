"""Where each layer of a model was written, noted while the model is built."""

from __future__ import annotations

import inspect
import linecache
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from analyzer.loading.loaded_model import Source
from analyzer.values.counts import Lines

if TYPE_CHECKING:
    from torch import nn

_ANALYZER = str(Path(__file__).parents[1]) + os.sep
_STANDARD_LIBRARY = sysconfig.get_path("stdlib") + os.sep


@cache
def _is_machinery(filename: str) -> bool:
    """Whether a file belongs to torch, the analyzer or Python itself rather than to who wrote the model."""
    if filename.startswith("<"):
        return True
    torch = sys.modules.get("torch")
    homes = (_ANALYZER, str(Path(str(torch.__file__)).parent) + os.sep) if torch else (_ANALYZER,)
    in_standard_library = filename.startswith(_STANDARD_LIBRARY) and "site-packages" not in filename
    return filename.startswith(homes) or in_standard_library


def shown(filename: str) -> str:
    """The path as a report shows it: relative to site-packages where it lies below, else to the working directory."""
    return _shown(filename, str(Path.cwd()))


@cache
def _shown(filename: str, directory: str) -> str:
    path = os.path.abspath(filename)  # noqa: PTH100 - does not resolve links, unlike Path.resolve
    _, found, below = path.rpartition(f"{os.sep}site-packages{os.sep}")
    if found:
        return Path(below).as_posix()
    return Path(os.path.relpath(path, directory)).as_posix()


class SourceRecorder:
    """The first line outside torch at which each module was met; modules are kept alive so that ids stay theirs."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[nn.Module, Source]] = {}

    def on_registration(self, module: nn.Module, name: str, value: Any) -> None:  # noqa: ARG002
        """A parameter, a buffer or a child is put into a module."""
        self._meet(module)
        if hasattr(value, "_modules"):
            self._meet(value)

    def _meet(self, module: nn.Module) -> None:
        if id(module) in self._met:
            return
        source = _construction_of(module, sys._getframe(2))
        if source is not None:
            self._met[id(module)] = module, source

    def line_of(self, module: nn.Module) -> Source | None:
        """Where that module was constructed or, without parameters of its own, put into its parent."""
        met = self._met.get(id(module))
        return met[1] if met else None


def _construction_of(module: nn.Module, frame: FrameType | None) -> Source | None:
    """The nearest line below the analyzer that is neither torch's nor in the module's own constructor."""
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename.startswith(_ANALYZER):
            return None
        if not _is_machinery(filename) and first_argument(frame) is not module:
            return Source(shown(filename), frame.f_lineno, tuple(_statements(frame)))
        frame = frame.f_back
    return None


def _statements(frame: FrameType | None) -> Iterator[Lines]:
    """What runs in the frame and in its callers, in the user's own files."""
    while frame is not None and not frame.f_code.co_filename.startswith(_ANALYZER):
        filename = frame.f_code.co_filename
        if not _is_machinery(filename) and "site-packages" not in filename:
            first, last = _extent(frame)
            yield Lines(shown(filename), first, last)
        frame = frame.f_back


def _extent(frame: FrameType) -> tuple[int, int]:
    """First and last line of the expression that a frame is at."""
    positions = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None, None, None, None))
    return positions[0] or frame.f_lineno, positions[1] or frame.f_lineno


def first_argument(frame: FrameType) -> Any:
    """What the function that runs in a frame has in its first argument, such as `self`; None without any."""
    return frame.f_locals.get(frame.f_code.co_varnames[0]) if frame.f_code.co_argcount else None


@contextmanager
def recording() -> Iterator[SourceRecorder]:
    """Note where modules are constructed within; torch's registration hooks are removed also after an error."""
    from torch.nn.modules import module as torch_module

    recorder = SourceRecorder()
    handles = (
        torch_module.register_module_parameter_registration_hook(recorder.on_registration),
        torch_module.register_module_buffer_registration_hook(recorder.on_registration),
        torch_module.register_module_module_registration_hook(recorder.on_registration),
    )
    try:
        yield recorder
    finally:
        for handle in handles:
            handle.remove()


def sources_of(module: nn.Module, recorder: SourceRecorder, definition: Source | None = None) -> Mapping[str, Source]:
    """Source of every path in `named_modules()`; a layer that was copied has its parent's.

    The root's is the given definition, else that of its class, else the line that makes it.
    """
    root = definition or definition_of(type(module)) or recorder.line_of(module)
    sources = {"": root} if root else {}
    for path, child in module.named_modules():
        source = recorder.line_of(child) or sources.get(path.rpartition(".")[0]) if path else None
        if source is not None:
            sources[path] = source
    return sources


def definition_of(thing: object) -> Source | None:
    """The line of a function's `def` or a class's `class`; None for what torch itself defines."""
    thing = inspect.unwrap(thing) if callable(thing) else thing
    filename, start = _written_in(thing)
    if filename is None or _is_machinery(filename):
        return None
    linecache.checkcache(filename)
    name = re.escape(getattr(thing, "__name__", ""))
    opening = re.compile(rf"\s*(class|def|async\s+def)\s+{name}\b")
    lines = enumerate(linecache.getlines(filename)[start - 1 :], start)
    line = next((number for number, text in lines if opening.match(text)), None)
    return Source(shown(filename), line) if line else None


def _written_in(thing: object) -> tuple[str | None, int]:
    """The file that defines a function or a class, and a line from which to look for it."""
    if isinstance(thing, type):
        codes = (getattr(member, "__code__", None) for member in vars(thing).values())
        own = (code.co_filename for code in codes if code is not None)
        return next(own, inspect.getattr_static(sys.modules.get(thing.__module__), "__file__", None)), 1
    code = getattr(thing, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code else (None, 1)


def innermost(frames: Iterable[tuple[FrameType, int]]) -> Source | None:
    """The deepest line in the user's own files, else the deepest outside torch and Python.

    `frames` are those of a traceback or a stack with their lines, the outermost first.
    """
    own, foreign = None, None
    for frame, line in frames:
        filename = frame.f_code.co_filename
        if not _is_machinery(filename):
            foreign = Source(shown(filename), line)
            own = own if "site-packages" in filename else foreign
    return own or foreign
