"""The model that a Python file or an importable module defines."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from analyzer.loading.foreign_files import refuse_pointer
from analyzer.loading.inputs.example_inputs import from_example
from analyzer.loading.misspelling import similar
from analyzer.loading.python.discovery import built_from, model_in
from analyzer.loading.python.import_context import Surroundings
from analyzer.loading.python.import_place import ImportPlace, place_of
from analyzer.loading.python.name_clash import clashes, clashes_as_problems
from analyzer.loading.recipe import Built, Recipe, is_module
from analyzer.loading.sources import definition_of
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest


def is_file_target(target: str) -> bool:
    """`model.py` or `model.py:name`."""
    return target.endswith(".py") or ".py:" in target


def is_module_target(target: str) -> bool:
    """`package.module:name`."""
    module, colon, name = target.partition(":")
    dotted = (*module.split("."), *name.split("."))
    return bool(colon) and all(part.isidentifier() for part in dotted)


class Opening(NamedTuple):
    """How to get at the module that a target names, and the name asked for in it."""

    run: Callable[[], AbstractContextManager[ModuleType]]
    where: str
    name: str
    surroundings: Surroundings


def opening(target: str) -> Opening:
    """That of `model.py`, `model.py:name` or `package.module:name`; Problem when there is no such file."""
    if not is_file_target(target):
        module, _, name = target.partition(":")
        surroundings = Surroundings(Path.cwd(), name=module, argv=[module], fallbacks=(Path.cwd() / "src",))
        return Opening(partial(_import, module, surroundings), module, name, surroundings)
    filename, _, name = target.partition(".py:")
    path = Path(filename if filename.endswith(".py") else f"{filename}.py")
    if not path.is_file():
        raise Problem(f"{path}: no such file; give the path of a Python file that defines a model{similar(path)}")
    refuse_pointer(path)
    place = place_of(path)
    surroundings = Surroundings(place.root, name=_free_name(place), argv=[str(path)], fallbacks=place.fallbacks)
    return Opening(partial(_run_file, path, place, surroundings), str(path), name, surroundings)


def of_file(request: ModelRequest) -> Recipe:
    """The recipe for a file or an importable module, with `:name` or without; Problem when there is no such file."""
    run, where, name, surroundings = opening(request.target)
    make = partial(_built, run, where, name, request.settings)
    return Recipe(name or Path(where).stem, make, surroundings=surroundings.again)


def _built(run: Callable[[], Any], where: str, name: str, settings: Mapping[str, str]) -> Built:
    with run() as module:
        thing, said = model_in(module, where, name, settings)
        model = built_from(thing, module, f"{where}:{name or getattr(thing, '__name__', 'model')}", settings)
        example = vars(module).get("example_inputs")
        declared = () if example is None else (from_example(example),)
        source = definition_of(type(thing) if is_module(thing) else thing)
        package = module.__name__.rpartition(".")[0]
        if package and package not in sys.modules:
            said = (*said, f"the package `{package}` cannot be imported here, so {where} was run without it")
        return Built(model, source, declared, said)


@contextmanager
def _run_file(path: Path, place: ImportPlace, surroundings: Surroundings) -> Iterator[ModuleType]:
    """The executed file, imported under its dotted name where it is in a package."""
    with surroundings.fresh(), clashes_as_problems(place):
        is_importable = place.in_package and "." not in path.stem and not clashes(place)
        yield _imported(path, place) if is_importable else _executed(path, _free_name(place))


def _imported(path: Path, place: ImportPlace) -> ModuleType:
    """The module; a file that does not need its package is run alone where the package's own code fails."""
    try:
        importlib.import_module(place.package or place.dotted)
    except Exception as error:
        with contextlib.suppress(Exception):
            return _executed(path, place.dotted)
        raise error
    return importlib.import_module(place.dotted)


def _executed(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise Problem(f"{path}: this is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (OSError, ValueError) as error:
        raise Problem(f"{path}: cannot be read as Python ({error})") from error
    exec(code, module.__dict__)
    return module


def _free_name(place: ImportPlace) -> str:
    """The dotted name, changed where it is taken: a file named torch.py, say, must not hide torch."""
    return f"_{place.dotted}" if clashes(place) else place.dotted


@contextmanager
def _import(name: str, surroundings: Surroundings) -> Iterator[ModuleType]:
    with surroundings.fresh():
        yield importlib.import_module(name)
