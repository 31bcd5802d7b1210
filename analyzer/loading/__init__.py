"""A TARGET becomes a `LoadedModel`: the module, inputs to try, and where each layer was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.loading.checkpoints import exported, torchscript
from analyzer.loading.folders import described
from analyzer.loading.loaded_model import Inputs, LoadedModel
from analyzer.loading.misspelling import refuse_misspelt_zoo, similar, similar_model
from analyzer.loading.python import python_file
from analyzer.loading.recipe import subject_of
from analyzer.loading.zoos import timm_zoo, torchvision_zoo, transformers_zoo, zoo_of
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

if TYPE_CHECKING:
    from torch import nn

    from analyzer.loading.checkpoints.checkpoint import Checkpoint

RECIPES = {
    "torchvision": torchvision_zoo.of_target,
    "timm": timm_zoo.of_target,
    "transformers": transformers_zoo.of_target,
}
"""By zoo; Python files are known by their suffix, all other files by what they hold."""


def load(request: ModelRequest) -> LoadedModel | Checkpoint:
    """The model that is asked for, or the tensors of a checkpoint whose architecture is not known.

    Raises Problem, one sentence for the user, when the target cannot be loaded.
    """
    target = request.target
    if not target:
        raise Problem("an empty target was given; name a model, such as analyze model.py")
    if zoo := zoo_of(target):
        return subject_of(request, RECIPES[zoo](request))
    if python_file.is_file_target(target):
        return subject_of(request, python_file.of_file(request))
    if Path(target).exists():
        return _of_stored_file(request)
    refuse_misspelt_zoo(target)
    if python_file.is_module_target(target):
        return subject_of(request, python_file.of_file(request))
    also = similar(Path(target)) or similar_model(target)
    raise Problem(f"{target}: no such file or model; give a Python file, a checkpoint or torchvision:NAME{also}")


def _of_stored_file(request: ModelRequest) -> LoadedModel | Checkpoint:
    """A checkpoint, an exported program or a TorchScript archive."""
    from analyzer.loading.file_kinds import kind_of_file

    if Path(request.target).is_dir():
        raise Problem(described(Path(request.target)))
    if request.settings or request.checkpoint:
        option = "--set" if request.settings else "--checkpoint"
        raise Problem(f"{request.target} is stored with its weights, so {option} cannot change it; leave it out")
    kind = kind_of_file(Path(request.target))
    if kind == "exported":
        return exported.subject_of(request)
    if kind == "torchscript":
        return torchscript.subject_of(request)
    if kind == "python" and not Path(request.target).suffix:
        raise Problem(f"{request.target} is not a checkpoint; if it is Python, give it a name that ends in .py")
    return _of_checkpoint(request)


def _of_checkpoint(request: ModelRequest) -> LoadedModel | Checkpoint:
    from dataclasses import replace

    from analyzer.loading.checkpoints import checkpoint, stored_module
    from analyzer.loading.zoos import recognition

    if request.trust and Path(request.target).is_file() and (whole := stored_module.subject_of(request)):
        return whole
    stored = checkpoint.read(Path(request.target), request.trust)
    known = recognition.recognise(stored.tensors)
    if known is None:
        return stored
    recipe = torchvision_zoo.of_name(known.name, known.arguments)
    return subject_of(replace(request, checkpoint=request.target), replace(recipe, assumptions=known.assumptions))


def from_module(
    module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], name: str | None = None
) -> LoadedModel:
    """A module that the caller built, with the arguments of one call; tracing leaves it as it is."""
    from analyzer.loading.sources import SourceRecorder, sources_of

    kind = type(module).__name__
    candidates = (Inputs(tuple(args), dict(kwargs)),)
    sources = sources_of(module, SourceRecorder())
    return LoadedModel(name or kind, name or kind, module, candidates, kind, sources, owned=False)
