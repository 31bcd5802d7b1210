"""Operators that a file registers with torch: taken back before the file, which registers them, is run once more.

What installed packages register when the file first imports them stays: they are not imported anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Globals = dict[str, Any]


class TorchLibraries:
    """The libraries that were made while a file ran."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, Globals]] = []
        """Each with the names of the module that was being imported when it was made."""

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Without those of the last time whose modules are gone; what is made meanwhile is noted for the next."""
        from torch.library import Library

        gone = [library for library, names in self._made if not _is_imported(names)]
        self._made = [made for made in self._made if _is_imported(made[1])]
        for library in gone:
            library._destroy()
        before = len(_importing())
        original = Library.__init__

        def noted(library: Any, *args: Any, **kwargs: Any) -> None:
            original(library, *args, **kwargs)  # type: ignore[no-untyped-call]
            self._made.append((library, next(iter(_importing()[: -before or None]), {})))

        Library.__init__ = noted  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            Library.__init__ = original  # type: ignore[method-assign]


def _importing() -> list[Globals]:
    """The names of the modules that are being imported, the innermost first."""
    found, frame = [], sys._getframe(1)
    while frame is not None:
        found += [frame.f_globals] if frame.f_code.co_name == "<module>" else []
        frame = frame.f_back  # type: ignore[assignment]
    return found


def _is_imported(names: Globals) -> bool:
    return getattr(sys.modules.get(names.get("__name__", "")), "__dict__", None) is names
