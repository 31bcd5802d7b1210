"""The configuration of a project: analyze.toml, pyproject.toml or setup.cfg to a typed `Config`."""

from pathlib import Path
from typing import Any, Final

from analyzer.config.checks import checked
from analyzer.config.files import from_setup_cfg, from_toml
from analyzer.config.tables import Config
from analyzer.values.errors import Problem

FILES: Final = ("analyze.toml", "pyproject.toml", "setup.cfg")
"""Where a directory's configuration is looked for, in this order."""


def find(start: Path) -> Path | None:
    """The nearest configuration at or above a directory, not looking beyond the repository that it is in."""
    start = start.absolute()
    for directory in (start, *start.parents):
        if found := in_directory(directory):
            return found
        if (directory / ".git").exists():
            return None
    return None


def in_directory(directory: Path) -> Path | None:
    """The file in this directory that holds configuration."""
    files = (directory / name for name in FILES)
    return next((file for file in files if file.is_file() and _tables(file) is not None), None)


def read(path: Path) -> Config:
    """The configuration in this file; Problem names the file, the key and what is allowed."""
    tables = _tables(path)
    if tables is None:
        raise Problem(f"{path} has no [tool.analyze] table and no [analyze] section; analyze --init writes a file")
    return checked(tables, path)


def _tables(path: Path) -> dict[str, Any] | None:
    """The analyzer's tables in a file, as TOML spells them; None when it has none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error
    return from_setup_cfg(text, path) if path.suffix == ".cfg" else from_toml(text, path)
