"""Write files so that all of them are there afterwards, or none; devices, pipes and descriptors are written into."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from errno import EISDIR
from pathlib import Path
from typing import Final

from analyzer.values.errors import Problem

DESCRIPTORS: Final = re.compile(r"/(proc/(self|thread-self|\d+)(/task/\d+)?|dev)/fd")
"""Folders whose entries are open descriptors: what /dev/stdout and `>(command)` of a shell lead to."""
MOST_LINKS: Final = 40


def write_all(texts: Mapping[str, str]) -> None:
    """Write each text beside its place first, then move all there; Problem when one cannot be written.

    A link is followed, and what it leads to is replaced; a replaced file keeps its mode. What cannot be replaced (a
    terminal, a named pipe, a descriptor) is written into, once everything else is known to be writable.
    """
    name, parts = "", dict[str, tuple[Path, Path]]()
    try:
        for name in texts:
            if not _is_stream(name):
                parts[name] = _part_of(name)
        for name, (part, place) in parts.items():
            _write_part(part, place, texts[name])
        for name in texts.keys() - parts.keys():
            _write_into(name, texts[name])
        for name in parts:
            part, place = parts[name]
            part.replace(place)
    except OSError as error:
        for part, _ in parts.values():
            with suppress(OSError):
                part.unlink()
        blocked = isinstance(error, FileExistsError)
        reason = f"{error.filename} is a file" if blocked else str(error.strerror).lower()
        raise Problem(f"cannot write {name}: {reason}; choose another place with --output") from error


def _part_of(name: str) -> tuple[Path, Path]:
    """The file that is written first, and the one that it replaces."""
    if name.endswith("/") or Path(name).is_dir():
        raise IsADirectoryError(EISDIR, "it is a directory", name)
    place = Path(os.path.realpath(name)) if Path(name).is_symlink() else Path(name)
    return place.parent / f".{place.name}.part", place


def _write_part(part: Path, place: Path, text: str) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(text, encoding="utf-8")
    if place.is_file():
        part.chmod(stat.S_IMODE(place.stat().st_mode))


def _is_stream(name: str) -> bool:
    """Whether it is to be written into; OSError for what no text belongs in."""
    if _descriptor(name) is not None:
        return True
    try:
        mode = Path(name).stat().st_mode
    except OSError:
        return False
    if stat.S_ISSOCK(mode):
        raise OSError(0, "it is a socket", name)
    if stat.S_ISBLK(mode):
        raise OSError(0, "it is a disk", name)
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _descriptor(name: str) -> int | None:
    """The number of this process's own descriptor that a path stands for."""
    for _ in range(MOST_LINKS):
        folder, base = os.path.split(os.path.abspath(name))  # noqa: PTH100 - links are followed one by one
        if base.isdigit() and DESCRIPTORS.fullmatch(folder):
            return int(base)
        if not Path(name).is_symlink():
            return None
        name = str(Path(folder, os.readlink(name)))  # noqa: PTH115 - what it says, be it there or not
    return None


def _write_into(name: str, text: str) -> None:
    number = _descriptor(name)
    opened = os.open(name, os.O_WRONLY) if number is None else os.dup(number)
    with os.fdopen(opened, "w", encoding="utf-8") as stream:
        stream.write(text)
