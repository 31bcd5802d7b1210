"""Lets the system have freed memory back while a fit runs: glibc keeps what is freed in blocks under 32 MB, in pieces.

A fit makes and frees many of 4 to 32 MB; they come to rest between blocks that stay, where nothing else fits.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of mallopt(3): how much free memory at the end of the heap, and how large a block, goes back at once."""
RETURNED = 2 * 2**20
"""Bytes of a block from which on it goes back as soon as it is freed, while a fit runs."""
USUAL = 32 * 2**20, 64 * 2**20
"""Block and end of the heap afterwards: to where glibc itself moves them once a block of 32 MB has been freed."""
SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


@contextmanager
def returned_memory() -> Iterator[None]:
    """Nothing is done where the C library has no mallopt(3), or where the environment has settings for it."""
    mallopt = None if any(name in os.environ for name in SETTINGS) else _mallopt()
    if mallopt is None:
        yield
        return
    mallopt(M_MMAP_THRESHOLD, RETURNED)
    mallopt(M_TRIM_THRESHOLD, RETURNED)
    try:
        yield
    finally:
        for setting, value in zip((M_MMAP_THRESHOLD, M_TRIM_THRESHOLD), USUAL, strict=True):
            mallopt(setting, value)


def _mallopt() -> Callable[[int, int], int] | None:
    try:
        found: Callable[[int, int], int] = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return None
    return found
