"""How another Python file gets at the model that a target names: what to import and what to call."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from analyzer.loading.python import python_file
from analyzer.loading.python.builder_arguments import bound, literal
from analyzer.loading.python.discovery import model_in
from analyzer.loading.python.import_place import place_of
from analyzer.loading.recipe import is_module
from analyzer.loading.zoos import timm_zoo, torchvision_zoo, zoo_of
from analyzer.values.errors import Problem

ALIAS = "original"


@dataclass(frozen=True)
class Origin:
    """`imports` are lines to be run first, `expression` gives the model, `examples` its example inputs."""

    imports: tuple[str, ...]
    expression: str
    examples: str | None = None
    folders: tuple[Path, ...] = ()
    """Absolute; to be on the import path."""
    module: str | None = None
    """The module that is imported as `original`."""
    file: Path | None = None


def origin_of(target: str, settings: Mapping[str, str] = {}) -> Origin:
    """The origin of a target that was loaded before; Problem when no file could import it."""
    zoo = zoo_of(target)
    if zoo == "torchvision":
        name = target.removeprefix(torchvision_zoo.PREFIX)
        call = _call([name], torchvision_zoo.arguments_of(name, settings), target)
        return Origin(("from torchvision import models",), f"models.get_model({call})")
    if zoo == "timm":
        name = target.removeprefix(timm_zoo.PREFIX)
        arguments = {"pretrained": False} | {key: literal(value) for key, value in settings.items()}
        return Origin(("import timm",), f"timm.create_model({_call([name], arguments, target)})")
    if zoo:
        raise Problem(f"{target} has no builder that a Python file could import; give a Python file that builds it")
    if python_file.is_file_target(target) or python_file.is_module_target(target):
        from analyzer.loading.building import build

        return build(lambda: _in_python(target, settings))
    raise Problem(f"{target} has no builder that a Python file could import; give a Python file or torchvision:NAME")


def _in_python(target: str, settings: Mapping[str, str]) -> Origin:
    run, where, name, surroundings = python_file.opening(target)
    with run() as module:
        thing = model_in(module, where, name, settings).thing
        attribute = name or _name_of(thing, module, where)
        folders, dotted = _place(module, surroundings.homes())
        examples = f"{ALIAS}.example_inputs" if "example_inputs" in vars(module) else None
        expression = f"copy.deepcopy({ALIAS}.{attribute})"
        if not is_module(thing):
            expression = f"{ALIAS}.{attribute}({_call([], bound(thing, settings, where), where)})"
        copying = ("import copy",) if is_module(thing) else ()
        importing: tuple[str, ...] = (f"import {dotted} as {ALIAS}",)
        if not all(part.isidentifier() for part in dotted.split(".")):
            importing = ("import importlib", f"{ALIAS} = importlib.import_module({_written(dotted)})")
        file = Path(str(module.__file__)).absolute()
        return Origin((*copying, *importing), expression, examples, folders, dotted, file)


def _name_of(thing: Any, module: ModuleType, where: str) -> str:
    names = [name for name, value in vars(module).items() if value is thing]
    if not names:
        raise Problem(f"{where}: the model has no name to import it by; name it as {where}:NAME")
    return names[0]


def _place(module: ModuleType, homes: frozenset[str]) -> tuple[tuple[Path, ...], str]:
    """Folders to import it from, the one to look in first at the end, none when it is installed; its name there.

    Of the places that its imports may fall back to, only `homes` are needed: what was found in them.
    """
    path = Path(str(module.__file__)).absolute()
    if "site-packages" in path.parts:
        return (), module.__name__
    place = place_of(path)
    if place.package and place.package not in sys.modules:
        return (path.parent,), path.stem
    return (*(folder for folder in reversed(place.fallbacks) if str(folder) in homes), place.root), place.dotted


def _call(values: list[Any], arguments: Mapping[str, Any], where: str) -> str:
    for name, value in arguments.items():
        if not _is_literal(value):
            raise Problem(f"{where}: {name}={value!r} cannot be written into a Python file; leave --set {name} out")
    return ", ".join([*map(_written, values), *(f"{name}={_written(value)}" for name, value in arguments.items())])


def _written(value: Any) -> str:
    """As Python; plain text in double quotes."""
    is_plain = isinstance(value, str) and value.isprintable() and not {'"', "\\"} & set(value)
    return f'"{value}"' if is_plain else repr(value)


def _is_literal(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError):
        return False
