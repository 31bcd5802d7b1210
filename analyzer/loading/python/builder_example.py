"""The `build_model` to write for a builder that wants a configuration object, ready to paste."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

from analyzer.loading.file_kinds import parsed
from analyzer.loading.python.builder_arguments import missing, signature_of
from analyzer.loading.python.import_place import place_of
from analyzer.loading.sources import shown
from analyzer.values.errors import Problem

CONFIGURATION = re.compile(r"(.*_)?(config|configs|configuration|cfg|conf|args|opts?|options|hparams|hps)")
"""Names of arguments that are objects with the model's sizes as attributes."""
MAKER = re.compile(r"(get_)?(default_)?(config|cfg)")
"""Names of a class's own functions that make one."""
CONFIGURATION_CLASS = re.compile(r".*(Config|Configuration|Args|Arguments|Options|HParams|Hyperparameters)")
PLAIN = ("builtins", "typing", "types", "collections", "collections.abc", "pathlib", "enum")
"""Modules of the classes that `--set` can give a value of."""
NAMESPACE = "SimpleNamespace"


def refuse_configuration(
    builder: Callable[..., Any], module: ModuleType, where: str, settings: Mapping[str, str]
) -> None:
    """Problem with the file to write when the builder needs an object that `--set` cannot give."""
    lacking = missing(builder, settings)
    objects = [name for name in lacking if _is_object(builder, module, name)]
    if not objects or not hasattr(builder, "__name__"):
        return
    place = place_of(Path(str(module.__file__)))
    file = shown(str(place.root / "build.py"))
    named = f"{', '.join(objects)}, {'an object' if len(objects) == 1 else 'objects'}"
    raise Problem(
        f"{where} needs {named} that --set cannot give; define build_model in {file}, with what is needed, "
        f"and analyze {file}",
        _file(builder, module, place.dotted, objects, lacking),
    )


def _is_object(builder: Callable[..., Any], module: ModuleType, name: str) -> bool:
    """Whether an argument is named like a configuration, or annotated with a class that is not plain Python's."""
    kind = _annotated(builder, module, name)
    return CONFIGURATION.fullmatch(name.lower()) is not None or (kind is not None and kind.__module__ not in PLAIN)


def _annotated(builder: Callable[..., Any], module: ModuleType, name: str) -> type | None:
    """The class that the argument's annotation is or, as text, names in the module."""
    annotation = signature_of(builder).parameters[name].annotation
    kind = annotation
    if isinstance(annotation, str):
        kind = reduce(lambda owner, part: inspect.getattr_static(owner, part, None), annotation.split("."), module)
    return kind if isinstance(kind, type) and kind is not inspect.Parameter.empty else None


def _file(builder: Any, module: ModuleType, dotted: str, objects: list[str], lacking: tuple[str, ...]) -> str:
    made = {name: _made(builder, module, name) for name in objects}
    imported = dict.fromkeys(made_of for made_of, _ in made.values() if made_of not in ("", NAMESPACE))
    lines = (
        *((f"from types import {NAMESPACE}", "") if any(kind == NAMESPACE for kind, _ in made.values()) else ()),
        f"from {dotted} import {', '.join((builder.__name__, *imported))}",
        "",
        "",
        "def build_model():",
        *(f"    {name} = {value}" for name, (_, value) in made.items()),
        f"    return {builder.__name__}({', '.join(f'{name}={name if name in made else ...}' for name in lacking)})",
    )
    return "\n".join(lines).replace("Ellipsis", "...")


def _made(builder: Any, module: ModuleType, name: str) -> tuple[str, str]:
    """What to import for an argument, and the text that makes it; open where it is no configuration."""
    kind = _annotated(builder, module, name)
    own = (key for key in vars(builder) if MAKER.fullmatch(key)) if isinstance(builder, type) else ()
    maker = next((key for key in own if callable(getattr(builder, key)) and not missing(getattr(builder, key))), None)
    if maker is not None and CONFIGURATION.fullmatch(name.lower()):
        return "", f"{builder.__name__}.{maker}()"
    types = {key: item for key, item in vars(module).items() if isinstance(item, type)}
    classes = [key for key, item in types.items() if CONFIGURATION_CLASS.fullmatch(key) or is_dataclass(item)]
    fitting = [key for key in classes if vars(module)[key] is kind] if kind else classes
    if fitting:
        open_fields = ", ".join(f"{field}=..." for field in missing(vars(module)[fitting[0]]))
        return fitting[0], f"{fitting[0]}({open_fields})"
    if not CONFIGURATION.fullmatch(name.lower()):
        return "", "..."
    return NAMESPACE, f"{NAMESPACE}({', '.join(f'{read}=...' for read in _attributes_read(module, name))})"


def _attributes_read(module: ModuleType, wanted: str) -> tuple[str, ...]:
    """The attributes of the configuration that the file reads, in its order."""
    found = [
        node
        for node in ast.walk(parsed(Path(str(module.__file__))))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == wanted
    ]
    return tuple(dict.fromkeys(node.attr for node in sorted(found, key=lambda node: (node.lineno, node.col_offset))))
