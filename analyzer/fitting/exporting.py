"""Whether a fitted model goes through torch's exporters."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from analyzer.fitting.networks import Batch

ONNX_PACKAGES = ("onnx", "onnxscript")
"""What torch's ONNX exporter needs beside torch."""


def exported(model: nn.Module, batch: Batch) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The formats that it can be exported to, and sentences on those that it cannot."""
    taken, refused = [], []
    for name, attempt in (("torch.export", _program), ("ONNX", _onnx)):
        missing = [package for package in ONNX_PACKAGES if name == "ONNX" and find_spec(package) is None]
        if missing:
            refused.append(f"export to ONNX was not tried, as {' and '.join(missing)} is not installed")
        elif reason := _refusal(attempt, model, batch):
            refused.append(f"{name} refuses the fitted model: {reason}")
        else:
            taken.append(name)
    return tuple(taken), tuple(refused)


def _refusal(attempt: Callable[[nn.Module, Batch], Any], model: nn.Module, batch: Batch) -> str:
    try:
        with _quiet():
            attempt(model, batch)
    except Exception as error:  # whatever an exporter raises
        return next(iter(str(error).strip().splitlines()), type(error).__name__)
    return ""


def _program(model: nn.Module, batch: Batch) -> Any:
    return torch.export.export(model, batch.args, dict(batch.kwargs))


def _onnx(model: nn.Module, batch: Batch) -> Any:
    return torch.onnx.export(model, batch.args, kwargs=dict(batch.kwargs), dynamo=True, verbose=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporters warn of versions and of what they deprecate, which is not the user's to mend."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
