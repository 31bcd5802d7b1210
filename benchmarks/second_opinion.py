"""What torch's own counter says of the same forward: on meta tensors, else on fake ones, with attention written out."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing.backends import FAKE, META, Backend
from analyzer.tracing.containers import map_leaves


def macs_by_torch(loaded: LoadedModel) -> int | str:
    """Half of what `FlopCounterMode` counts; a reason instead when it can follow neither meta nor fake tensors."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # fused encoder layers have no formula there
    reason = ""
    try:
        for backend in (META, FAKE):
            try:
                return _counted(loaded, backend)
            except Exception as error:
                reason = type(error).__name__
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return reason


def _counted(loaded: LoadedModel, backend: Backend) -> int:
    inputs, counter = loaded.candidates[0], FlopCounterMode(display=False)
    with backend.module(loaded) as module, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")

        def made(tree: Any) -> Any:
            return map_leaves(tree, lambda leaf: backend.make_input(leaf, module))

        if backend is META:
            module.to("meta")
        # The fused kernel of the CPU has no formula in every release; the product of its two halves has.
        with sdpa_kernel(SDPBackend.MATH), counter:
            module(*made(tuple(inputs.args)), **made(dict(inputs.kwargs)))
    return counter.get_total_flops() // 2
