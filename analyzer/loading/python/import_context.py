"""What a user's file can import: its neighbours, as if it were run from its own directory or its package's root."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import getattr_static
from pathlib import Path
from typing import Any

from analyzer.loading.python.torch_libraries import TorchLibraries

Modules = Mapping[str, Any]
"""As `sys.modules`, whose values need not be modules: some import on the first look at an attribute."""


class Surroundings:
    """Folders to import from, and what was imported from them; the interpreter is left as it was."""

    def __init__(self, *folders: Path, name: str, argv: list[str], fallbacks: Sequence[Path] = ()) -> None:
        self._folders = tuple(str(folder.absolute()) for folder in folders)
        self._fallbacks = tuple(str(folder.absolute()) for folder in fallbacks)
        self._name = name
        self._argv = argv
        self._imported: dict[str, Any] = {}
        self._libraries = TorchLibraries()
        self._foreign: frozenset[str] | None = None
        """Top-level names that were imported before the outermost entry."""

    @contextmanager
    def fresh(self) -> Iterator[None]:
        """For building: everything is imported anew, also within `again`."""
        self._imported = {}
        with self._entered():
            for key in self._own(sys.modules):
                if not self._is_foreign(key):
                    del sys.modules[key]
            with self._libraries.renewed():
                yield

    @contextmanager
    def again(self) -> Iterator[None]:
        """For running what was built: a forward that imports finds the same modules."""
        with self._entered():
            sys.modules.update(self._imported)
            yield

    @contextmanager
    def _entered(self) -> Iterator[None]:
        # The working directory is kept too: other paths on the command line are relative to it.
        path, arguments, before, directory = list(sys.path), sys.argv, dict(sys.modules), Path.cwd()
        foreign = self._foreign
        if foreign is None:
            self._foreign = frozenset(key.partition(".")[0] for key in before)
        # Fallbacks come last, so that pkg/random.py does not hide Python's own module from a file in pkg.
        sys.path[:] = [*dict.fromkeys(self._folders), *path, *self._fallbacks]
        sys.argv = self._argv
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path[:], sys.argv = path, arguments
            os.chdir(directory)
            self._imported = self._own(sys.modules)
            for key in self._imported:
                del sys.modules[key]
            replaced = {key: before[key] for key in self._imported if key in before}
            sys.modules.update(self._own(before) | replaced)
            self._foreign = foreign

    def homes(self) -> frozenset[str]:
        """Within an entry: the folders that something was imported from."""
        found = (home_of(module) for key, module in self._own(sys.modules).items() if "." not in key)
        return frozenset(home for home in found if home is not None)

    def _own(self, modules: Modules) -> dict[str, Any]:
        """The target's module and all that were imported from the folders, packages without a file included."""
        return {key: module for key, module in list(modules.items()) if self._is_own(key, modules)}

    def _is_own(self, key: str, modules: Modules) -> bool:
        if key == self._name or self._is_foreign(key):
            return key == self._name
        home = home_of(modules.get(key.partition(".")[0], modules[key]))
        return home is not None and self._lies_here(home)

    def _is_foreign(self, key: str) -> bool:
        return key.partition(".")[0] in (self._foreign or ())

    def _lies_here(self, home: str) -> bool:
        """Whether it is one of the folders, or a folder below that the user's own code put on the import path."""
        folders = (*self._folders, *self._fallbacks)
        if home in folders:
            return True
        below = home.startswith(tuple(folder + os.sep for folder in folders))
        return below and "site-packages" not in home and home not in sys.path


def home_of(module: Any) -> str | None:
    """The folder that a top-level module or package was imported from; None where it does not say.

    Looks the attributes up without asking the module for them: asking a lazy module imports it, or raises.
    """
    path, file = (getattr_static(module, name, None) for name in ("__path__", "__file__"))
    if isinstance(file, str):
        place = os.path.dirname(file) if os.path.basename(file).startswith("__init__.") else file  # noqa: PTH119, PTH120
        return os.path.dirname(place)  # noqa: PTH120 - called for every module there is
    if type(path).__name__ == "_NamespacePath":
        return next((os.path.dirname(place) for place in path), None)  # noqa: PTH120
    return None
