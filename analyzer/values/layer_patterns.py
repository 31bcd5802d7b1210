"""Patterns of layers: "*", "backbone.*", "blocks.[0-3]"; what is below a layer goes with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase


def covers(pattern: str, path: str) -> bool:
    """Whether the pattern names the layer or one above it: "backbone", "backbone.*" and "back*" are the whole subtree.

    The model itself, whose path is empty, is covered by "*" alone.
    """
    if pattern == "*":
        return True
    wanted = pattern.removesuffix(".*")
    return any(fnmatchcase(above, wanted) for above in lineage(path))


def covered(patterns: Iterable[str], path: str) -> bool:
    """Whether one of the patterns covers the layer."""
    return any(covers(pattern, path) for pattern in patterns)


def lineage(path: str) -> Iterator[str]:
    """ "a", "a.b", "a.b.c" of "a.b.c"; nothing of the empty path."""
    parts = path.split(".") if path else []
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def holders(path: str) -> Iterator[str]:
    """ "a.b", "a" and "", the model itself, of "a.b.c": the modules that hold the layer, innermost first."""
    while path:
        path = path.rpartition(".")[0]
        yield path


def nearest(pattern: str, paths: Iterable[str]) -> list[str]:
    """The layers whose names come nearest to a pattern that covers none, else the outermost ones."""
    known = list(dict.fromkeys(above for path in paths for above in lineage(path)))
    plain = pattern.removesuffix(".*").replace("*", "")
    return get_close_matches(plain, known, n=3) or [path for path in known if "." not in path][:5]
