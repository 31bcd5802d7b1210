"""Room on Python's stack for models that are nested deeper than its limit allows for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

FRAMES = 20
"""Frames that one level of nesting takes at most: copied 8, called with hooks 5."""


@contextmanager
def enough_frames(module: nn.Module) -> Iterator[None]:
    """Let Python nest as deep as the model does while the block runs."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + FRAMES * nesting(module))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def nesting(module: nn.Module) -> int:
    """How many modules lie inside one another, itself left out; one that lies in itself is met once."""
    deepest, level, seen = 0, [module], {id(module)}
    while level := [child for parent in level for child in parent._modules.values() if child is not None]:
        level = [child for child in {id(child): child for child in level}.values() if id(child) not in seen]
        seen.update(map(id, level))
        deepest += 1
    return deepest
