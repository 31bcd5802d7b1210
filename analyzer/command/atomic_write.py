"""Write files so that all of them are there afterwards, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from errno import EISDIR
from pathlib import Path

from analyzer.values.errors import Problem


def write_all(texts: Mapping[str, str]) -> None:
    """Write each text beside its place first, then move all there; Problem when one cannot be written."""
    parts = {name: Path(name).parent / f".{Path(name).name}.part" for name in texts}
    name = ""
    try:
        for name, text in texts.items():
            _refuse_directory(name)
            parts[name].parent.mkdir(parents=True, exist_ok=True)
            parts[name].write_text(text, encoding="utf-8")
        for name, part in parts.items():
            part.replace(name)
    except OSError as error:
        _remove(parts.values())
        raise Problem(f"cannot write {name}: {_reason(error)}; choose another place with --output") from error


def _remove(parts: Iterable[Path]) -> None:
    for part in parts:
        with suppress(OSError):
            part.unlink()


def _refuse_directory(name: str) -> None:
    if name.endswith("/") or Path(name).is_dir():
        raise IsADirectoryError(EISDIR, "it is a directory", name)


def _reason(error: OSError) -> str:
    return f"{error.filename} is a file" if isinstance(error, FileExistsError) else str(error.strerror).lower()
