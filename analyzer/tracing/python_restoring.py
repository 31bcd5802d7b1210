"""Give Python objects back as they were: containers, namespaces, classes, closures and caches, each in its own way."""

from __future__ import annotations

import gc
import operator
import types
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any

import torch

from analyzer.tracing.containers import has_no_values

IMPORTED = (types.ModuleType, type, types.FunctionType)
"""What an import inside a forward leaves among the globals of a module, and may leave."""
MAX_HELD = 10_000
"""How many objects are looked at for tensors, at each step away from a container."""


def give_back_dict(value: dict[Any, Any], content: dict[Any, Any]) -> None:
    """The same items in the same order."""
    base = dict_class(value)
    if not content and not base.__len__(value):
        return
    if _same(base.keys(value), content.keys()) and _same(base.values(value), content.values()):
        return
    base.clear(value)
    for key, item in content.items():
        base.__setitem__(value, key, item)


def give_back_namespace(value: dict[str, Any], content: dict[str, Any]) -> None:
    """The globals of a module, but for what was imported meanwhile."""
    for name in [name for name in value if name not in content and not isinstance(value[name], IMPORTED)]:
        del value[name]
    for name, item in content.items():
        if value.get(name, value) is not item:
            value[name] = item


def give_back_list(value: Any, content: tuple[Any, ...]) -> None:
    """The same items of a list or deque."""
    if not _same(value, content):
        value.clear()
        value.extend(content)


def give_back_set(value: set[Any], content: frozenset[Any]) -> None:
    """The same items of a set."""
    if value != content:
        value.clear()
        value.update(content)


def give_back_cell(cell: types.CellType, content: Any) -> None:
    """What a variable of a closure held."""
    cell.cell_contents = content


def give_back_slots(value: Any, content: dict[str, Any]) -> None:
    """Attributes that are slots."""
    for name, item in content.items():
        if getattr(value, name, value) is not item:
            setattr(value, name, item)


def give_back_class(value: type, content: dict[str, Any]) -> None:
    """The attributes of a class, but for what was imported meanwhile."""
    now = vars(value)
    for name in [name for name in now if name not in content and not isinstance(now[name], IMPORTED)]:
        delattr(value, name)
    for name, item in content.items():
        if now.get(name, value) is not item:
            setattr(value, name, item)


def give_back_cache(value: Any, before: Any) -> None:
    """Empty one that was empty, or that now holds what a trace made; what a function returns, it can return again."""
    if value.cache_info().currsize and (before.currsize == 0 or holds_a_trace(value)):
        value.cache_clear()


def is_unchanged(value: Any, content: Any) -> bool:
    """Whether a cell, list, dictionary, class or object with slots holds the very items that it held."""
    if isinstance(value, types.CellType):
        return _same(gc.get_referents(value), [content])
    if isinstance(value, list | deque):
        return _same(value, content)
    if not isinstance(content, dict):
        return False
    if isinstance(value, type):
        return _same(vars(value), content) and _same(vars(value).values(), content.values())
    if isinstance(value, dict):
        base = dict_class(value)
        return _same(base.keys(value), content.keys()) and _same(base.values(value), content.values())
    return all(getattr(value, name, content) is item for name, item in content.items())


def holds_a_trace(value: Any) -> bool:
    """Whether a tensor without values is near, which only a trace leaves behind."""
    near: list[Any] = [value]
    for _ in range(4):  # a cache holds links, these hold results, which may be tuples or dictionaries
        near = [item for item in gc.get_referents(*near[:MAX_HELD]) if not isinstance(item, str | int)]
        if any(isinstance(item, torch.Tensor) and has_no_values(item) for item in near):
            return True
    return False


def _same(items: Iterable[Any], others: Iterable[Any]) -> bool:
    first, second = list(items), list(others)
    return len(first) == len(second) and all(map(operator.is_, first, second))


def dict_class(value: dict[Any, Any]) -> Any:
    """The class whose methods read and write a dictionary as it is, whatever a subclass makes of them."""
    return OrderedDict if isinstance(value, OrderedDict) else dict
