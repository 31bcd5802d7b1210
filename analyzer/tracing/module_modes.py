"""A module in training or evaluation mode while it is run, whatever it is in otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def in_mode(module: nn.Module, training: bool) -> Iterator[None]:
    """Modes are afterwards as before, and so are buffers with values, such as a count of batches."""
    modes = {child: child.training for child in module.modules()}
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers() if not buffer.is_meta]
    module.train(training)
    try:
        yield
    finally:
        for buffer, before in buffers:
            buffer.copy_(before)
        for child, mode in modes.items():
            child.training = mode
