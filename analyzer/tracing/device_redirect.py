"""Follow forwards that ask for an accelerator by name on a machine that has none."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

ACCELERATOR = re.compile(r"(cuda|mps|xpu)(:\d+)?")
MISSING = ("NVIDIA driver", "not compiled with CUDA", "Cannot access accelerator", "MPS", "XPU")
"""What torch says when there is none."""


def is_for_lack_of_a_device(error: Exception) -> bool:
    """Whether the forward failed because it named a device that is not there."""
    return any(words in str(error) for words in MISSING)


class Elsewhere(TorchFunctionMode):
    """What is asked of an accelerator happens on `device` instead."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.cuda:
            return args[0]
        kwargs = {name: self._here(value) for name, value in (kwargs or {}).items()}
        return func(*map(self._here, args), **kwargs)

    def _here(self, value: Any) -> Any:
        if not isinstance(value, torch.device | str):
            return value
        return self._device if ACCELERATOR.fullmatch(str(value)) else value
