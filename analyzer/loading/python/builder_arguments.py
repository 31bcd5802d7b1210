"""Arguments of a builder from `--set NAME=VALUE`, typed as its signature says."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from analyzer.values.errors import Problem

_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def missing(builder: Callable[..., Any], settings: Mapping[str, str] = {}) -> tuple[str, ...]:
    """Names of the arguments that the builder needs and the settings do not give."""
    return tuple(item.name for item in needed(signature_of(builder)) if item.name not in settings)


def needed(signature: inspect.Signature) -> tuple[inspect.Parameter, ...]:
    """The parameters that have no default."""
    parameters = signature.parameters.values()
    return tuple(item for item in parameters if item.default is item.empty and item.kind not in _VARIADIC)


def signature_of(builder: Callable[..., Any]) -> inspect.Signature:
    """The builder's signature; one that takes anything when it has none to read."""
    try:
        return inspect.signature(builder)
    except (TypeError, ValueError):
        return inspect.Signature([inspect.Parameter("settings", inspect.Parameter.VAR_KEYWORD)])


def bound(builder: Callable[..., Any], settings: Mapping[str, str], where: str) -> dict[str, Any]:
    """The settings as typed keyword arguments; Problem for an unknown or a missing name."""
    parameters = signature_of(builder).parameters
    takes_any = any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters.values())
    names = [name for name, item in parameters.items() if item.kind not in _VARIADIC]
    unknown = [name for name in settings if name not in names]
    if unknown and not takes_any:
        has = f"it takes {', '.join(names)}" if names else "it takes none"
        raise Problem(f"{where} has no argument {unknown[0]!r}; {has}")
    if lacking := missing(builder, settings):
        example = " ".join(f"--set {name}=VALUE" for name in lacking)
        raise Problem(f"{where} needs {', '.join(lacking)}; give a value with {example}")
    return {name: _typed(value, parameters.get(name), f"{where}: --set {name}") for name, value in settings.items()}


def _typed(text: str, parameter: inspect.Parameter | None, where: str) -> Any:
    wanted = _wanted_type(parameter)
    if wanted is str:
        return text
    value = literal(text)
    if wanted is bool and not isinstance(value, bool):
        raise Problem(f"{where}={text} is not a truth value; write True or False")
    if wanted is int and (not isinstance(value, int) or isinstance(value, bool)):
        raise Problem(f"{where}={text} is not an integer")
    if wanted is float and not isinstance(value, (int, float)):
        raise Problem(f"{where}={text} is not a number")
    return float(value) if wanted is float else value


def _wanted_type(parameter: inspect.Parameter | None) -> type | None:
    """The plain type that the annotation names, else the default's."""
    if parameter is None:
        return None
    plain = {kind.__name__: kind for kind in (str, bool, int, float)}
    if parameter.annotation is not parameter.empty:
        name = getattr(parameter.annotation, "__name__", parameter.annotation)
        return plain.get(name) if isinstance(name, str) else None
    return type(parameter.default) if type(parameter.default) in plain.values() else None


def literal(text: str) -> Any:
    """The Python literal that a text is, else the text itself."""
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
