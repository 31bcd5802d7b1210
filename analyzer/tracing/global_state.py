"""Global state that a forward may change or that changes what runs: kept while tracing, and given back."""

from __future__ import annotations

import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

SWITCHES: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_grad_enabled, torch._C._set_grad_enabled),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.enable_flash_sdp),
    (torch.backends.cuda.mem_efficient_sdp_enabled, torch.backends.cuda.enable_mem_efficient_sdp),
    (torch.backends.cuda.math_sdp_enabled, torch.backends.cuda.enable_math_sdp),
    (torch.backends.cuda.cudnn_sdp_enabled, torch.backends.cuda.enable_cudnn_sdp),
)
"""How each of torch's switches is read and set."""


@contextmanager
def preserved() -> Iterator[None]:
    """Random states and torch's switches are afterwards as before; meanwhile fused encoder layers are off.

    Warnings are too: of inputs that were only tried, or of operators that are slow where nothing is computed.
    """
    with ExitStack() as entered:
        for context in (_switches_given_back(), _generators_given_back(), _FUSED_PATHS_OFF):
            entered.enter_context(context)
        entered.enter_context(_without_compiling())
        entered.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _generators_given_back() -> Iterator[None]:
    numpy: Any = sys.modules.get("numpy")
    kept = random.getstate(), torch.get_rng_state(), numpy.random.get_state() if numpy else None
    on_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        random.setstate(kept[0])
        torch.set_rng_state(kept[1])
        if numpy:
            numpy.random.set_state(kept[2])
        if on_cuda:
            torch.cuda.set_rng_state_all(on_cuda)


@contextmanager
def _switches_given_back() -> Iterator[None]:
    kept = [read() for read, _ in SWITCHES]
    try:
        yield
    finally:
        for (read, write), value in zip(SWITCHES, kept, strict=True):
            if read() != value:
                write(value)


class _FusedPathsOff:
    """The fused paths depend on the device; without them every device runs the same operators.

    The switch is one for all threads: the last analysis to end gives back what the first to begin found.
    """

    def __init__(self) -> None:
        self._lock, self._depth, self._found = threading.Lock(), 0, True

    def __enter__(self) -> None:
        with self._lock:
            if not self._depth:
                self._found = torch.backends.mha.get_fastpath_enabled()
            self._depth += 1
            torch.backends.mha.set_fastpath_enabled(False)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            torch.backends.mha.set_fastpath_enabled(self._found and not self._depth)


_FUSED_PATHS_OFF = _FusedPathsOff()


@contextmanager
def _without_compiling() -> Iterator[None]:
    """Compiled functions run eagerly; when torch._dynamo was never imported nothing can be compiled."""
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield
