"""How one of torch's own layers was built: as its repr tells, and as the arguments that its constructor takes."""

from __future__ import annotations

import inspect
from functools import cache
from math import isfinite
from typing import Any, Final

from torch import nn

from analyzer.values.counts import LayerArgument

TORCHS: Final = ("torch.nn.modules", "torch.ao.")


def settings_of(module: nn.Module, kind: str) -> str:
    """The repr of a layer of torch's own, which is of this kind; empty for a class that the user wrote."""
    extra = type(module).extra_repr
    if not extra.__module__.startswith("torch.nn") or extra is nn.Module.extra_repr:
        return ""
    return f"{kind}({module.extra_repr()})"


def arguments_of(module: nn.Module) -> dict[str, LayerArgument]:
    """Constructor arguments of the layer of torch's own that a module is or inherits from, as its attributes say.

    Read without running any of the module's code; a tensor such as the bias is told as whether it is there, and what is
    no plain value is left out. Empty for a class that inherits from `nn.Module` alone.
    """
    attributes = {**vars(module), **{name: held is not None for name, held in module._parameters.items()}}
    names = _argument_names(next(kind for kind in type(module).__mro__ if kind.__module__.startswith(TORCHS)))
    return {name: _plain(attributes[name]) for name in names if name in attributes and _is_plain(attributes[name])}


@cache
def _argument_names(kind: type[nn.Module]) -> tuple[str, ...]:
    """In the order of the constructor; recurrent layers take any arguments, and list what they keep as constants."""
    if kind is nn.Module:
        return ()
    parameters = list(inspect.signature(kind).parameters.values())
    named = [item.name for item in parameters if item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY)]
    return tuple(named) if len(named) == len(parameters) else tuple(getattr(kind, "__constants__", ()))


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(type(item) in (bool, int, float, str) for item in value)
    return value is None or type(value) in (bool, int, float, str)


def _plain(value: Any) -> Any:
    """The value itself; JSON has no infinity."""
    if isinstance(value, (tuple, list)):
        return tuple(map(_plain, value))
    return str(value) if isinstance(value, float) and not isfinite(value) else value
