"""Operators that a file registers with torch: taken back before the file, which registers them, is run once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TorchLibraries:
    """The libraries that were made while a file ran."""

    def __init__(self) -> None:
        self._made: list[Any] = []

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Without those of the last time; what is made while the block runs is noted for the next."""
        from torch.library import Library

        while self._made:
            self._made.pop()._destroy()
        original = Library.__init__

        def noted(library: Any, *args: Any, **kwargs: Any) -> None:
            original(library, *args, **kwargs)  # type: ignore[no-untyped-call]
            self._made.append(library)

        Library.__init__ = noted  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            Library.__init__ = original  # type: ignore[method-assign]
