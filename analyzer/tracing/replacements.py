"""Functions of other packages that are replaced while any analysis runs, on any thread, and not one call longer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

Replacement = tuple[Any, str, Callable[[Any], Any]]
"""A class or module, the name of a function in it, and what makes the new one of the old one."""


class Replacements:
    """What to replace, told when the first block that needs it begins; the last one that ends puts all back."""

    def __init__(self, wanted: Callable[[], Iterable[Replacement]]) -> None:
        self._wanted = wanted
        self._lock = threading.Lock()
        self._originals: list[tuple[Any, str, Any]] = []
        self._blocks = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """All of them in place while the block runs."""
        with self._lock:
            self._blocks += 1
            if self._blocks == 1:
                self._replace()
        try:
            yield
        finally:
            with self._lock:
                self._blocks -= 1
                if self._blocks == 0:
                    self._put_back()

    def _replace(self) -> None:
        for owner, name, wrap in self._wanted():
            self._originals.append((owner, name, vars(owner).get(name)))
            setattr(owner, name, wrap(getattr(owner, name)))

    def _put_back(self) -> None:
        while self._originals:
            owner, name, original = self._originals.pop()
            if original is None:  # it was inherited
                delattr(owner, name)
            else:
                setattr(owner, name, original)
