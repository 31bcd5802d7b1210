"""What a user's file can import: its neighbours, as if it were run from its own directory."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


class Surroundings:
    """Folders to import from, and what was imported from them; the interpreter is left as it was."""

    def __init__(self, *folders: Path, name: str, argv: list[str]) -> None:
        self._folders = tuple(str(folder.absolute()) for folder in folders)
        self._name = name
        self._argv = argv
        self._imported: dict[str, ModuleType] = {}

    @contextmanager
    def fresh(self) -> Iterator[None]:
        """For building: everything is imported anew."""
        self._imported = {}
        with self.again():
            yield

    @contextmanager
    def again(self) -> Iterator[None]:
        """For running what was built: a forward that imports finds the same modules."""
        # The working directory is kept too: other paths on the command line are relative to it.
        path, arguments, before, directory = list(sys.path), sys.argv, dict(sys.modules), Path.cwd()
        sys.path[:0] = dict.fromkeys(self._folders)
        sys.argv = self._argv
        sys.modules.update(self._imported)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path[:], sys.argv = path, arguments
            os.chdir(directory)
            self._imported = {key: module for key, module in sys.modules.items() if self._is_own(key, module)}
            for key in self._imported:
                _restore(key, before)

    def _is_own(self, key: str, module: ModuleType) -> bool:
        filename = getattr(module, "__file__", None)
        if key == self._name:
            return True
        if not isinstance(filename, str) or "site-packages" in filename:
            return False
        return filename.startswith(tuple(folder + os.sep for folder in self._folders))


def _restore(key: str, before: Mapping[str, ModuleType]) -> None:
    if key in before:
        sys.modules[key] = before[key]
    else:
        del sys.modules[key]
