"""How the user wants things timed, checked against what this machine has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import torch

from analyzer.measuring.interleaving import Patience
from analyzer.values.errors import Problem

DTYPES: Final = ("float32", "float16", "bfloat16", "float64")


@dataclass(frozen=True)
class Settings:
    """What `--latency` and its options ask for."""

    device: str = "cpu"
    """"cpu", "cuda" or "cuda:1"."""
    threads: int = 1
    batch: int | None = None
    """Samples in the input, in place of those in the given one."""
    dtype: str | None = None
    """Of the weights and of the floating inputs; as the model has them when None."""
    channels_last: bool = False
    model: Patience = field(default_factory=lambda: Patience(turns=10, seconds=8.0))
    layer: Patience = field(default_factory=lambda: Patience(turns=6, seconds=1.2))
    limit: float = 600.0
    """Seconds after which no further layer or proposal is begun."""
    block: float = 0.02
    """Seconds of one block, or one run where that takes longer."""


def check(settings: Settings) -> None:
    """Problem for what cannot be: a device that is not there, a type that is unknown, no threads."""
    _check_device(settings.device)
    if settings.threads < 1:
        raise Problem(f"--threads {settings.threads}: at least one thread computes")
    if settings.batch is not None and settings.batch < 1:
        raise Problem(f"--batch {settings.batch}: give the number of samples, at least 1")
    if settings.dtype is not None and settings.dtype not in DTYPES:
        raise Problem(f"--dtype {settings.dtype}: models are timed in {', '.join(DTYPES[:-1])} or {DTYPES[-1]}")


def _check_device(name: str) -> None:
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise Problem(f"--device {name}: models are timed on cpu, cuda or one of several as in cuda:1")
    if kind == "cpu":
        return
    if not torch.cuda.is_available():
        raise Problem(f"--device {name}: torch finds no CUDA device on this machine; leave --device out for the CPU")
    if number and int(number) >= torch.cuda.device_count():
        raise Problem(f"--device {name}: this machine has {torch.cuda.device_count()}, counted from cuda:0")
