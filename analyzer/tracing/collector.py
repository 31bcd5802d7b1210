"""Spare Python's collector of cycles what is there already: it would walk a large model again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 50_000
"""How many have to be made before those are looked at: most of an analysis stays, and few are in cycles."""


@contextmanager
def collector_spared() -> Iterator[None]:
    """Only what is made within the block is looked at, and seldom; nothing is altered where somebody spared it already.

    A full collection takes longer than tracing a small network.
    """
    if gc.get_freeze_count():
        yield
        return
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(max(before[0], OBJECTS) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
