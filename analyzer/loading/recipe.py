"""From a way to build a model to a `LoadedModel`: built on meta, sources noted, checkpoint matched, inputs found."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from analyzer.loading.loaded_model import Inputs, LoadedModel, Source
from analyzer.values.errors import Problem, one_line
from analyzer.values.requests import ModelRequest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from analyzer.loading.checkpoints.checkpoint import Checkpoint
    from analyzer.loading.checkpoints.checkpoint_matching import CheckpointMatch


@dataclass(frozen=True)
class Built:
    """A model and what was learnt while it was built."""

    module: nn.Module
    source: Source | None = None
    """Where the class or function that the user named is written."""
    declared: tuple[Inputs, ...] = ()
    """Inputs that the file or the zoo states."""
    assumptions: tuple[str, ...] = ()
    """Sentences: what was chosen or left out."""


@dataclass(frozen=True)
class Recipe:
    """How to build one model, as often as needed."""

    name: str
    make: Callable[[], Built]
    assumptions: tuple[str, ...] = ()
    surroundings: Callable[[], AbstractContextManager[None]] = nullcontext
    """What must be importable while the model runs."""


def subject_of(request: ModelRequest, recipe: Recipe) -> LoadedModel:
    """The model of a recipe, without memory for its weights; Problem when it cannot be built or does not fit."""
    from analyzer.loading.building import build, release
    from analyzer.loading.inputs.module_inputs import candidates_of
    from analyzer.loading.sources import recording, sources_of

    with recording() as recorder, _errors_as_problems(request.target), quiet():
        built = build(recipe.make)
        module = built.module.eval()
    release(module)
    return LoadedModel(
        name=recipe.name,
        target=request.target,
        module=module,
        candidates=candidates_of(request, module, built.declared),
        kind=type(module).__name__,
        sources=sources_of(module, recorder, built.source),
        checkpoint=request.checkpoint,
        assumptions=recipe.assumptions + built.assumptions + _agreement(request, module),
        materialize=lambda: _materialized(request, recipe),
        surroundings=recipe.surroundings,
        weights=partial(_weights, request, module) if request.checkpoint is not None else None,
    )


def _materialized(request: ModelRequest, recipe: Recipe) -> nn.Module:
    from analyzer.loading.building import build_for_real

    with _errors_as_problems(request.target), quiet():
        module = build_for_real(recipe.make).module.eval()
    if request.checkpoint is not None:
        from analyzer.loading.checkpoints.checkpoint import read
        from analyzer.loading.checkpoints.checkpoint_matching import assign

        assign(read(Path(request.checkpoint), request.trust), module)
    return module


def _agreement(request: ModelRequest, module: nn.Module) -> tuple[str, ...]:
    """What is to be said of the checkpoint; Problem when its names or shapes are not the module's."""
    if request.checkpoint is None:
        return ()
    stored, matched = _matched(request, module)
    matched.raise_for_mismatch()
    return stored.assumptions + matched.assumptions


def _weights(request: ModelRequest, module: nn.Module) -> Mapping[str, Tensor]:
    """The checkpoint's tensors under the module's names, mapped from the file where its format allows."""
    stored, matched = _matched(request, module)
    return {matched.names[name]: value for name, value in stored.load().items() if name in matched.names}


def _matched(request: ModelRequest, module: nn.Module) -> tuple[Checkpoint, CheckpointMatch]:
    from analyzer.loading.checkpoints.checkpoint import read
    from analyzer.loading.checkpoints.checkpoint_matching import match

    stored = read(Path(request.checkpoint or ""), request.trust)
    return stored, match(stored, module)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep stdout for the report: what the user's code prints goes to stderr."""
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*copying from a non-meta parameter.*")
        yield


@contextmanager
def _errors_as_problems(target: str) -> Iterator[None]:
    """Turn an exception of the user's code into a Problem that names its line."""
    try:
        yield
    except Problem:
        raise
    except SystemExit as error:
        message = f'{_place(error, target)}: sys.exit was called while loading; put it below if __name__ == "__main__"'
        raise Problem(message) from error
    except SyntaxError as error:
        from analyzer.loading.foreign_files import refuse_pointer
        from analyzer.loading.sources import shown

        refuse_pointer(Path(shown(error.filename or "")))
        place = f"{shown(error.filename)}:{error.lineno}" if error.filename else target
        raise Problem(f"{place}: {type(error).__name__}: {error.msg}") from error
    except Exception as error:
        raise Problem(f"{_place(error, target)}: {one_line(error)}") from error


def _place(error: BaseException, target: str) -> str:
    """The line in the user's own files; a line of an installed package alone would not tell the target."""
    from analyzer.loading.sources import innermost

    source = innermost(walk_tb(error.__traceback__))
    if source is None:
        return target
    place = f"{source.file}:{source.line}"
    return place if Path(source.file).is_file() else f"{target}: {place}"


def is_module(thing: Any) -> bool:
    """Whether it is a torch module; False, without importing torch, when nothing has imported it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)
