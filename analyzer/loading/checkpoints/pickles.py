"""Opens what torch.save wrote without running any code in it, and names the code when there is some."""

from __future__ import annotations

import io
import pickletools
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO, Any

from analyzer.loading.file_kinds import format_of
from analyzer.values.errors import Problem, first_line

HARMLESS = (Namespace,)
"""Plain records that training scripts often save beside the weights: making one runs nothing."""
RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "posix": "os", "nt": "os"}
"""Modules that pickle spells otherwise than the code that was pickled."""
TRUST = "load it with --trust-checkpoint"
LEGACY_PICKLES = 5
"""A legacy file is five pickles in a row: magic number, version, platform, object, keys; then the data."""


def open_pickled(path: Path, zipped: bool, trust: bool = False, values: bool = False) -> Any:
    """The object that was saved, its tensors mapped from the file (legacy files: on meta unless `values`).

    Raises Problem when the file is damaged, or when it pickles code and `trust` is False. Nothing in
    the file is executed unless `trust` is True: the unpickler is torch's own for `weights_only=True`.
    """
    try:
        with warnings.catch_warnings(action="ignore"), _harmless_allowed():
            return _loaded(path, zipped, trust, values)
    except Exception as error:  # hostile or damaged bytes can make the unpickler raise anything
        raise _problem(path, zipped, trust, error) from error


def _loaded(path: Path, zipped: bool, trust: bool, values: bool) -> Any:
    import torch

    if zipped or trust or values:
        return torch.load(path, map_location="cpu", mmap=zipped, weights_only=not trust)
    try:
        return torch.load(path, map_location="meta", weights_only=True)
    except RuntimeError:  # sparse and quantized tensors do not exist on meta
        torch._utils._sparse_tensors_to_validate.clear()  # torch forgets to when a load fails
        return torch.load(path, map_location="cpu", weights_only=True)


def _harmless_allowed() -> AbstractContextManager[Any]:
    """Within, torch unpickles `HARMLESS` too; afterwards as before, also where the caller had allowed some of them."""
    from torch.serialization import get_safe_globals, safe_globals

    allowed = get_safe_globals()
    return safe_globals([kind for kind in HARMLESS if kind not in allowed])


def _problem(path: Path, zipped: bool, trust: bool, error: Exception) -> Problem:
    unsafe = () if trust else unsafe_globals(path, zipped)
    if unsafe:
        names = ", ".join(unsafe)
        return Problem(f"{path} pickles code ({names}): refused; {TRUST} only if you trust its source")
    if format_of(path) == "pickle":
        return Problem(f"{path} is a pickle that torch.save did not write; save the model's state_dict with torch.save")
    said = first_line(str(error)).split(". ")[0].rstrip(".") or "no message"
    reason = f"{type(error).__name__}: {said}"
    if trust:
        return Problem(f"{path} could not be loaded ({reason}); make importable what it was pickled with")
    if "Unsupported operand" in str(error) or "legacy .tar" in str(error):
        return Problem(
            f"{path} is of a format that cannot be read without running its pickle: save it again, or {TRUST}"
        )
    return Problem(f"{path} is truncated or damaged ({reason}); copy it again")


def unsafe_globals(path: Path, zipped: bool) -> tuple[str, ...]:
    """Names of the functions and classes that the file would call and that are not on torch's list of safe ones.

    Disassembles the pickles and runs nothing of them.
    """
    from torch._weights_only_unpickler import _get_allowed_globals

    allowed = set(_get_allowed_globals()) | {f"{kind.__module__}.{kind.__qualname__}" for kind in HARMLESS}
    found = dict.fromkeys(name for stream in _streams(path, zipped) for name in _globals_of_file(stream))
    return tuple(name for name in found if name not in allowed)


def _streams(path: Path, zipped: bool) -> Iterator[IO[bytes]]:
    if not zipped:
        with path.open("rb") as file:
            yield file
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith("data.pkl"):
                    yield io.BytesIO(archive.read(name))
    except Exception:  # a damaged archive can make its reader raise anything; what cannot be read has no names
        return


def _globals_of_file(stream: IO[bytes]) -> Iterator[str]:
    with suppress(ValueError, IndexError, OverflowError, MemoryError):  # the pickles end and the data begins
        for _ in range(LEGACY_PICKLES):
            yield from list(globals_in(stream))


def globals_in(stream: IO[bytes]) -> Iterator[str]:
    """Every function and class that the next pickle names, "module.name"; ValueError when there is no pickle."""
    pushed: list[object] = [None, None]
    memo: dict[int, object] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        match opcode.name:
            case "GLOBAL" | "INST":
                module, _, name = str(argument).partition(" ")
                yield _qualified(module, name)
            case "STACK_GLOBAL":
                yield _qualified(str(pushed[-2]), str(pushed[-1]))
            case "MEMOIZE":
                memo[len(memo)] = pushed[-1]
                continue
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[int(argument or 0)] = pushed[-1]
                continue
            case "GET" | "BINGET" | "LONG_BINGET":
                argument = memo.get(int(argument or 0))
        pushed = [pushed[-1], argument]


def _qualified(module: str, name: str) -> str:
    return f"{RENAMED.get(module, module)}.{name}"
