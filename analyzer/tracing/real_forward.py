"""A model with values and arguments that it accepts, to be run for real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing.backends import REAL
from analyzer.tracing.containers import map_leaves
from analyzer.tracing.left_as_found import left_as_found


@contextmanager
def real_forward(loaded: LoadedModel, candidate: int) -> Iterator[tuple[nn.Module, tuple[Any, Mapping[str, Any]]]]:
    """The module, a copy that may be altered, and the inputs of that number as arguments, random where not given.

    Random states are afterwards as before.
    """
    inputs = loaded.candidates[candidate]
    with left_as_found(loaded), REAL.module(loaded) as module:
        torch.manual_seed(0)
        given = (inputs.args, dict(inputs.kwargs))
        yield module, map_leaves(given, lambda leaf: REAL.make_input(leaf, module))
