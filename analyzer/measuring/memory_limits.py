"""Memory that a run needs against memory that is free, checked before any is allocated; and keeping freed memory."""

from __future__ import annotations

import ctypes
import os
from math import prod
from typing import TYPE_CHECKING

from analyzer.loading.available_memory import free_memory
from analyzer.values.errors import Problem

if TYPE_CHECKING:
    from analyzer.formulas.count import Count

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""As in glibc's malloc.h."""
_is_kept = False


def needed(count: Count, copies: int = 1, scale: float = 1.0, itemsize: int | None = None) -> int:
    """Bytes of a run: `copies` of weights and buffers, plus inputs and peak activations times `scale`.

    `itemsize` in bytes replaces the parameters' own; inputs count 8 bytes an element, the widest dtype they may have.
    """
    stored = sum(p.numel * (itemsize or p.itemsize) for p in (*count.parameters, *count.buffers))
    inputs = sum(prod(given.shape) * 8 for given in count.trace.inputs)
    activations = (count.total.peak_activation_bytes or 0) + inputs
    return copies * stored + int(activations * scale)


def refuse_what_does_not_fit(name: str, wanted: int, free: int | None) -> None:
    """Problem when so many bytes are not free; nothing where the system does not tell."""
    if free is not None and wanted > free:
        raise Problem(
            f"{name} cannot be timed here: weights and activations need {_gib(wanted)} and {_gib(free)} are free; "
            "take a smaller batch or configuration, or leave --latency out"
        )


def available(device: str) -> int | None:
    """Free bytes on the device; None where the system does not report them."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.mem_get_info(device)[0]
    return free_memory()


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed for the next allocation, from here to the process's end; False if it cannot.

    By default glibc gives large buffers back to the system, depending on what the process freed before, and then each
    forward maps them anew, which can take a third of a small model's time. With memory kept, timings repeat.
    """
    global _is_kept
    if not _is_kept:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
        _is_kept = bool(mallopt and mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
    return _is_kept


def is_freed_memory_kept() -> bool:
    """Whether it was asked for before in this process."""
    return _is_kept


def _gib(nbytes: int) -> str:
    return f"{nbytes / 2**30:.1f} GiB"
