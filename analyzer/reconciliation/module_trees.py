"""How counters walk a model: children of a module once each, a module with two parents twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn
from torch.jit import ScriptModule

from analyzer.reconciliation.contributions import Unpredictable

BY_POSITION = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


def walked(root: nn.Module, stops: Callable[[nn.Module], bool]) -> Iterator[nn.Module]:
    """The outermost modules at which a walk down from the root stops."""
    if stops(root):
        yield root
        return
    for child in root.children():
        yield from walked(child, stops)


def visits(root: nn.Module) -> Iterator[nn.Module]:
    """Every module as often as `root.apply` comes to it."""
    for child in root.children():
        yield from visits(child)
    yield root


def refuse_scripts(root: nn.Module) -> None:
    """Unpredictable where hooks and Python functions do not see what runs."""
    if any(isinstance(module, ScriptModule) for module in root.modules()):
        raise Unpredictable("a part of the model is TorchScript")


def refuse_fused_attention(root: nn.Module) -> None:
    """Unpredictable where torch takes the fused path of an attention layer, as it does when nothing is trained."""
    layers = (module for module in root.modules() if isinstance(module, nn.MultiheadAttention))
    if any(not any(parameter.requires_grad for parameter in layer.parameters()) for layer in layers):
        raise Unpredictable("a frozen attention layer takes a fused path, in which no function is seen")


def positional(root: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """The arguments of the forward by position; Unpredictable where some can be given by name alone."""
    if not kwargs:
        return args
    parameters = inspect.signature(root.forward).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind in BY_POSITION][len(args) :]
    if list(kwargs) != names[: len(kwargs)]:
        raise Unpredictable("it gives arguments by position only, which this forward does not take")
    return (*args, *kwargs.values())


def refuse_unnamed(root: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Unpredictable where several arguments, which go by name then, have none."""
    if len(args) + len(kwargs) < 2:
        return
    bound = inspect.signature(root.forward).bind(*args, **kwargs)
    kinds = {bound.signature.parameters[name].kind for name in bound.arguments}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY}:
        raise Unpredictable("it gives several arguments by name, which this forward has none for")


def qualified(module: nn.Module) -> str:
    """Where the class of a module is defined."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def by_type(names: Mapping[str, Any]) -> dict[type, Any]:
    """A table of classes of `torch.nn` for one by their names, several of which share an entry."""
    return {getattr(nn, name): entry for several, entry in names.items() for name in several.split()}
