"""TorchScript archives: the scripted module on the CPU, with inputs guessed from its layers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.loading.inputs.example_inputs import given
from analyzer.loading.loaded_model import Inputs, LoadedModel
from analyzer.loading.recipe import one_line
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

if TYPE_CHECKING:
    from torch import nn


def subject_of(request: ModelRequest) -> LoadedModel:
    """The archive's module with its weights; its code is TorchScript, which can run nothing but tensor operators."""
    path = Path(request.target)
    module = _loaded(path)
    candidates = (given(request.inputs, module),) if request.inputs else _guessed(module)
    kind = getattr(module, "original_name", type(module).__name__)
    return LoadedModel(path.stem, request.target, module, candidates, kind)


def _loaded(path: Path) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.jit.load(path, map_location="cpu").eval()
    except Exception as error:
        raise Problem(f"{path} cannot be loaded as a TorchScript archive: {one_line(error)}") from error


def _guessed(module: nn.Module) -> tuple[Inputs, ...]:
    """Guesses from parameters' shapes: a scripted layer no longer says what it was made with."""
    from analyzer.loading.inputs.input_guessing import guesses

    return guesses(module)
