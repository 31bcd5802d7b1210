"""Global state that a forward may change or that changes what runs: kept while tracing, and given back."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def preserved() -> Iterator[None]:
    """Random states and torch's switches are afterwards as before; meanwhile fused encoder layers are off.

    Warnings are too: of inputs that were only tried, or of operators that are slow where nothing is computed.
    """
    numpy: Any = sys.modules.get("numpy")
    kept = random.getstate(), torch.get_rng_state(), numpy.random.get_state() if numpy else None
    on_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    fastpath = torch.backends.mha.get_fastpath_enabled()
    dtype = torch.get_default_dtype()
    # The fused paths depend on the device; without them every device runs the same operators.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _without_compiling(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
        torch.set_default_dtype(dtype)
        random.setstate(kept[0])
        torch.set_rng_state(kept[1])
        if numpy:
            numpy.random.set_state(kept[2])
        if on_cuda:
            torch.cuda.set_rng_state_all(on_cuda)


@contextmanager
def _without_compiling() -> Iterator[None]:
    """Compiled functions run eagerly; when torch._dynamo was never imported nothing can be compiled."""
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield
