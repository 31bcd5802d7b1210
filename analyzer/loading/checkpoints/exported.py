"""Exported programs: the module that torch.export saved, with the inputs it was exported with."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analyzer.loading.inputs.named_sizes import asked
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel, dtype_name
from analyzer.values.errors import Problem, one_line
from analyzer.values.requests import ModelRequest


def subject_of(request: ModelRequest) -> LoadedModel:
    """The program as a tree of modules under the paths that it was exported from.

    Loading can run code that the file brings along, so the file is inspected first and refused when it
    holds anything but tensors and tensor operators, unless the user trusts it. Raises Problem for such a file and for
    one that torch cannot load.
    """
    from analyzer.loading.checkpoints.exported_safety import refuse_code

    path = Path(request.target)
    if not request.trust:
        refuse_code(path)
    program = _program(path)
    module = _unflattened(path, program)
    own = (_inputs_of(program),)
    candidates = asked(request.inputs, module, (), lambda: own) if request.inputs else own
    return LoadedModel(path.stem, request.target, module, candidates, type(module).__name__)


def _program(path: Path) -> Any:
    from torch.export.pt2_archive._package import load_pt2

    try:
        with _quiet():
            return load_pt2(path).exported_programs["model"]
    except Exception as error:
        raise Problem(f"{path} cannot be loaded as an exported program: {one_line(error)}; export it again") from error


def _unflattened(path: Path, program: Any) -> Any:
    from torch.export import unflatten

    try:
        with _quiet():
            module = unflatten(program)
    except Exception as error:
        raise Problem(f"{path} cannot be turned into modules: {one_line(error)}; export it again") from error
    # The modules that the graph's nodes came from, by path: their classes, or the names of those.
    kinds = dict(entry for node in program.graph.nodes for entry in node.meta.get("nn_module_stack", {}).values())
    for name, child in module.named_modules():
        if (kind := kinds.get(name)) is not None:
            named = (kind if isinstance(kind, str) else kind.__name__).rpartition(".")[2]
            child.__class__ = type(named, (type(child),), {})
    return module


def _inputs_of(program: Any) -> Inputs:
    """The example inputs stored with the program, else zeros in the sizes of its placeholders."""
    if program.example_inputs is not None:
        args, kwargs = program.example_inputs
        return Inputs(tuple(args), dict(kwargs), "inputs are the ones that the program was exported with")
    names = set(program.graph_signature.user_inputs)
    values = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    specs = tuple(InputSpec(tuple(map(int, value.shape)), dtype_name(value.dtype)) for value in values)
    return Inputs(specs, {}, "inputs have the sizes that the program was exported with")


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
