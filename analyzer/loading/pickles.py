"""Opens what torch.save wrote without running any code in it, and names the code when there is some."""

from __future__ import annotations

import io
import pickletools
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from analyzer.problem import Problem

HARMLESS = (Namespace,)
"""Plain records that training scripts often save beside the weights: making one runs nothing."""
RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "posix": "os", "nt": "os"}
"""Modules that pickle spells otherwise than the code that was pickled."""
LEGACY_PICKLES = 5
"""A legacy file is five pickles in a row: magic number, version, platform, object, keys; then the data."""


def open_pickled(path: Path, zipped: bool, trust: bool = False, values: bool = False) -> Any:
    """The object that was saved, its tensors mapped from the file (legacy files: on meta unless `values`).

    Raises Problem when the file is damaged, or when it pickles code and `trust` is False. Nothing in
    the file is executed unless `trust` is True: the unpickler is torch's own for `weights_only=True`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _load_zip(path, trust) if zipped else _load_legacy(path, trust, values)
    except Exception as error:  # hostile or damaged bytes can make the unpickler raise anything
        raise _problem(path, zipped, trust, error) from error


def _load_zip(path: Path, trust: bool) -> Any:
    import torch

    with torch.serialization.safe_globals(list(HARMLESS)):
        return torch.load(path, map_location="cpu", mmap=True, weights_only=not trust)


def _load_legacy(path: Path, trust: bool, values: bool) -> Any:
    import torch

    with torch.serialization.safe_globals(list(HARMLESS)):
        if trust or values:
            return torch.load(path, map_location="cpu", weights_only=not trust)
        try:
            return torch.load(path, map_location="meta", weights_only=True)
        except RuntimeError:  # sparse and quantized tensors do not exist on meta
            return torch.load(path, map_location="cpu", weights_only=True)


def _problem(path: Path, zipped: bool, trust: bool, error: Exception) -> Problem:
    if trust:
        return Problem(
            f"{path} could not be loaded ({type(error).__name__}: {_first_line(error)}); "
            "make the modules that it was pickled with importable, or save its state_dict instead"
        )
    unsafe = unsafe_globals(path, zipped)
    if unsafe:
        return Problem(
            f"{path} pickles code ({', '.join(unsafe)}): refused; "
            "load it with --trust-checkpoint only if you trust its source"
        )
    if "Unsupported operand" in str(error):
        return Problem(
            f"{path} uses a pickle protocol that cannot be read without running it: save it again with "
            "torch.save's default protocol, or load it with --trust-checkpoint if you trust its source"
        )
    return Problem(f"{path} is truncated or damaged ({type(error).__name__}: {_first_line(error)}); copy it again")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0].rstrip(".") if lines else "no message"


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
    except zipfile.BadZipFile:
        return


def _globals_of_file(stream: IO[bytes]) -> tuple[str, ...]:
    found: list[str] = []
    try:
        for _ in range(LEGACY_PICKLES):
            found += list(globals_in(stream))
    except (ValueError, IndexError, UnicodeError, OverflowError):  # the pickles end and the data begins
        pass
    return tuple(found)


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
