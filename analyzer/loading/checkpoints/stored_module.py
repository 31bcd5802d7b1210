"""A checkpoint that pickles the whole module, which has its forward: loaded only when the user trusts the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.loading.checkpoints.nesting import AVERAGE_KEYS, MAX_DEPTH, MODEL_KEYS
from analyzer.loading.checkpoints.pickles import open_pickled
from analyzer.loading.file_kinds import format_of
from analyzer.loading.inputs.module_inputs import candidates_of
from analyzer.loading.loaded_model import LoadedModel
from analyzer.loading.python.import_context import Surroundings
from analyzer.loading.recipe import quiet
from analyzer.loading.sources import SourceRecorder, sources_of
from analyzer.values.requests import ModelRequest

if TYPE_CHECKING:
    from torch import nn


def subject_of(request: ModelRequest) -> LoadedModel | None:
    """The module with its weights; None when the file holds tensors alone; Problem when it cannot be unpickled.

    The file's code is run. What it was pickled with is imported from the working directory and from beside the file, as
    well as from what is installed.
    """
    path = Path(request.target)
    found = format_of(path)
    if found not in ("torch", "legacy torch"):
        return None
    surroundings = Surroundings(Path.cwd(), name="", argv=[str(path)], fallbacks=(path.absolute().parent,))
    with surroundings.fresh(), quiet():
        keys, module = _module_in(open_pickled(path, found == "torch", trust=True))
        if module is None:
            return None
        candidates = candidates_of(request, module.eval())
    entry = f", under '{'.'.join(keys)}'" if keys else ""
    kind = type(module).__name__
    return LoadedModel(
        name=path.name.split(".")[0],
        target=request.target,
        module=module,
        candidates=candidates,
        kind=kind,
        sources=sources_of(module, SourceRecorder()),
        assumptions=(f"the model is the {kind} that {path} pickles whole{entry}; its code was run as trusted",),
        surroundings=surroundings.again,
    )


def _module_in(tree: Any) -> tuple[list[str], nn.Module | None]:
    """The module, and the keys of the entries that lead to it; averaged weights where there are no raw ones."""
    from torch import nn

    keys: list[str] = []
    while isinstance(tree, Mapping) and len(keys) < MAX_DEPTH:
        key = next((key for key in MODEL_KEYS + AVERAGE_KEYS if isinstance(tree.get(key), nn.Module | Mapping)), None)
        if key is None:
            break
        keys.append(key)
        tree = tree[key]
    return keys, tree if isinstance(tree, nn.Module) else None
