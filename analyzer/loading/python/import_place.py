"""Where a Python file is imported from: its dotted name, the folder that this starts at, what else it can import."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analyzer.loading.file_kinds import parsed

PROJECT_FILES = (".git", "pyproject.toml", "setup.py", "setup.cfg")
"""What lies in the root folder of a project."""


@dataclass(frozen=True)
class ImportPlace:
    """How `python -m` would run a file; all paths are absolute."""

    dotted: str
    root: Path
    """The folder that `dotted` is imported from."""
    fallbacks: tuple[Path, ...]
    """Folders to import from what is found nowhere else: the file's own, the working directory, the project's."""
    in_package: bool

    @property
    def package(self) -> str:
        """The dotted name of the package that the file is in; empty without one."""
        return self.dotted.rpartition(".")[0]


def place_of(path: Path) -> ImportPlace:
    """That of a file: below its packages, and below the project's root where its relative imports leave them."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - does not resolve links, unlike Path.resolve
    is_package = path.name == "__init__.py" and path.parent.name.isidentifier()
    folder, parts = path.parent, [path.stem]
    if is_package:
        folder, parts = folder.parent, [folder.name]
    tops = list(_tops(path.parent))
    while folder.name.isidentifier() and (folder / "__init__.py").is_file():
        folder, parts = folder.parent, [folder.name, *parts]
    reaches_out = _relative_depth(path) - is_package >= len(parts)
    while reaches_out and folder.name.isidentifier() and any(top in folder.parents for top in tops):
        folder, parts = folder.parent, [folder.name, *parts]
    fallbacks = (path.parent, *(place for top in tops for place in (top, top / "src") if place.is_dir()))
    others = tuple(place for place in dict.fromkeys(fallbacks) if place != folder)
    return ImportPlace(".".join(parts), folder, others, is_package or len(parts) > 1)


def _tops(folder: Path) -> Iterator[Path]:
    """The working directory where the folder lies in it, and the root of its project."""
    lineage = (folder, *folder.parents)
    yield from (place for place in lineage if place == Path.cwd())
    yield from (place for place in lineage if any((place / name).exists() for name in PROJECT_FILES))


def _relative_depth(path: Path) -> int:
    """How many folders up a file's relative imports reach, its own being the first; 0 without any."""
    return max((node.level for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)), default=0)
