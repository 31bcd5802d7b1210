"""What this machine has left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Free bytes of memory; None where the system does not report them."""
    return min(_limits(), default=None)


def _limits() -> Iterator[int]:
    """What the system has left, and what the container may still take."""
    if MEMINFO.is_file():
        lines = (line.split() for line in MEMINFO.read_text().splitlines())
        yield from (int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:")
    elif hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    most, taken = CGROUP / "memory.max", CGROUP / "memory.current"
    if most.is_file() and taken.is_file() and most.read_text().strip().isdigit():
        yield int(most.read_text()) - int(taken.read_text())
