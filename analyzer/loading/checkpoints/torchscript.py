"""TorchScript archives: the scripted module on the CPU, with inputs guessed from its layers."""

from __future__ import annotations

import warnings
from pathlib import Path

from analyzer.loading.inputs.module_inputs import candidates_of
from analyzer.loading.loaded_model import LoadedModel
from analyzer.values.errors import Problem, one_line
from analyzer.values.requests import ModelRequest


def subject_of(request: ModelRequest) -> LoadedModel:
    """The archive's module with its weights; its code is TorchScript, which can run nothing but tensor operators.

    Raises Problem for an archive that torch cannot load.
    """
    import torch

    path = Path(request.target)
    try:
        with warnings.catch_warnings(action="ignore"):
            module = torch.jit.load(path, map_location="cpu").eval()
    except Exception as error:
        raise Problem(f"{path} cannot be loaded as a TorchScript archive: {one_line(error)}") from error
    kind = getattr(module, "original_name", type(module).__name__)
    return LoadedModel(path.stem, request.target, module, candidates_of(request, module), kind)
