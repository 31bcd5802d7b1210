"""The `build_model` to write for a builder that wants a configuration object, ready to paste."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from analyzer.loading.python.builder_arguments import missing, signature_of
from analyzer.loading.python.import_place import place_of
from analyzer.loading.sources import shown
from analyzer.values.errors import Problem

CONFIGURATION = re.compile(r"(.*_)?(config|configs|configuration|cfg|conf|args|opts?|options|hparams|hps)")
"""Names of arguments that are objects with the model's sizes as attributes."""
MAKER = re.compile(r"(get_)?(default_)?(config|cfg)")
"""Names of a class's own functions that make one."""
CONFIGURATION_CLASS = re.compile(r".*(Config|Configuration|Args|Arguments|Options|HParams|Hyperparameters)")


def refuse_configuration(
    builder: Callable[..., Any], module: ModuleType, where: str, settings: Mapping[str, str]
) -> None:
    """Problem with the file to write when the builder needs an object that `--set` cannot give."""
    lacking = missing(builder, settings)
    wanted = next((name for name in lacking if CONFIGURATION.fullmatch(name.lower())), None)
    if wanted is None or not hasattr(builder, "__name__"):
        return
    place = place_of(Path(str(module.__file__)))
    file = shown(str(place.root / "build.py"))
    raise Problem(
        f"{where} needs {wanted}, an object that --set cannot give; "
        f"save this as {file}, fill in what it leaves open, and analyze {file}:\n\n"
        + _file(builder, module, place.dotted, wanted, lacking)
    )


def _file(builder: Any, module: ModuleType, dotted: str, wanted: str, lacking: tuple[str, ...]) -> str:
    imported, value = _configuration(builder, module, wanted)
    others = "".join(f", {name}=..." for name in lacking if name != wanted)
    lines = (
        *(("from types import SimpleNamespace", "") if imported is None else ()),
        f"from {dotted} import {', '.join(filter(None, (builder.__name__, imported)))}",
        "",
        "",
        "def build_model():",
        f"    {wanted} = {value}",
        f"    return {builder.__name__}({wanted}={wanted}{others})",
    )
    return "\n".join(lines)


def _configuration(builder: Any, module: ModuleType, wanted: str) -> tuple[str | None, str]:
    """What to import for it, None for a plain namespace and "" for nothing, and the call that makes it."""
    own = (name for name in vars(builder) if MAKER.fullmatch(name)) if isinstance(builder, type) else ()
    made = next((name for name in own if callable(getattr(builder, name)) and not _needs(getattr(builder, name))), None)
    if made is not None:
        return "", f"{builder.__name__}.{made}()"
    kind = _annotated(builder, module, wanted) or next(
        (name for name, item in vars(module).items() if isinstance(item, type) and CONFIGURATION_CLASS.fullmatch(name)),
        None,
    )
    if kind is not None:
        return kind, f"{kind}({', '.join(f'{name}=...' for name in _needs(vars(module)[kind]))})"
    read = _attributes_read(module, wanted)
    return None, f"SimpleNamespace({', '.join(f'{name}=...' for name in read)})"


def _needs(call: Any) -> tuple[str, ...]:
    return missing(call)


def _annotated(builder: Any, module: ModuleType, wanted: str) -> str | None:
    """The class that the argument's annotation names, where the module has it."""
    annotation = signature_of(builder).parameters[wanted].annotation
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return name if inspect.isclass(vars(module).get(name)) and name not in ("Namespace", "SimpleNamespace") else None


def _attributes_read(module: ModuleType, wanted: str) -> tuple[str, ...]:
    """The attributes of the configuration that the file reads, in its order."""
    try:
        tree = ast.parse(Path(str(module.__file__)).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == wanted
    ]
    return tuple(dict.fromkeys(node.attr for node in sorted(found, key=lambda node: (node.lineno, node.col_offset))))
