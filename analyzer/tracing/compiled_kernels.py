"""A Python function around a compiled kernel becomes one operator, which runs without values by its result's shape."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, get_type_hints

import torch

from analyzer.values.errors import Problem


def as_operator(operator: str, function: Callable[..., Any], shape: Callable[..., Any], changes: Iterable[str]) -> Any:
    """The function as an operator of torch's, "mylib::op".

    Parameters without annotation are tensors, or of the type of their default; so is a result without annotation.
    `shape` is called with what it names: tensors as their shapes, all else as it is. It returns the shape of the
    result, or a tuple of those of several; their data type is that of the first tensor. `changes` names the arguments
    that are written to. Problem where torch cannot make an operator of it.
    """
    try:
        typed = _typed(function)
        made: Any = torch.library.custom_op(operator, typed, mutates_args=tuple(changes))
    except (TypeError, ValueError, RuntimeError, NameError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0].partition(" Got func")[0]
        raise Problem(
            f"{operator}: {function!r} cannot be made an operator ({said}); annotate its parameters"
        ) from error
    parameters = inspect.signature(typed)

    def without_values(*args: Any, **kwargs: Any) -> Any:
        bound = parameters.bind(*args, **kwargs)
        bound.apply_defaults()
        return _results(operator, shape, bound.arguments)

    made.register_fake(without_values)
    return made


def _typed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, every parameter annotated."""
    signature, hints = inspect.signature(function), get_type_hints(function)

    @wraps(function)
    def typed(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    parameters = [
        parameter.replace(annotation=hints.get(name, _type_of(parameter.default)))
        for name, parameter in signature.parameters.items()
    ]
    result = None if hints.get("return") is type(None) else hints.get("return", torch.Tensor)
    vars(typed)["__signature__"] = signature.replace(parameters=parameters, return_annotation=result)
    return typed


def _type_of(default: Any) -> Any:
    if default is None:
        return torch.Tensor | None
    return torch.Tensor if default is inspect.Parameter.empty else type(default)


def _results(operator: str, shape: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    first = next((value for value in arguments.values() if isinstance(value, torch.Tensor)), None)
    if first is None:
        raise Problem(f"{operator}: a kernel without a tensor among its arguments has no result of known type")
    named = inspect.signature(shape).parameters
    found = shape(**{name: _shape(value) for name, value in arguments.items() if name in named})
    if found is None:
        return None
    several = bool(found) and isinstance(found[0], list | tuple)
    return tuple(first.new_empty(size) for size in found) if several else first.new_empty(tuple(found))


def _shape(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return tuple(value.shape)
    return tuple(map(_shape, value)) if isinstance(value, list | tuple) else value
