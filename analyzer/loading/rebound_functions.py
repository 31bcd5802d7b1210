"""Functions that a module holds and that close over it, such as a patched forward: made to close over its copy."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

HOLDING_MODULES = (types.FunctionType, types.MethodType, nn.Module)


def rebind_functions(copied: nn.Module, copies: Mapping[int, Any]) -> None:
    """In a copied module tree: functions whose closure holds a module of the original hold that module's copy instead.

    `copies` is the memo of the deep copy, from the id of each original to its copy.
    """
    rebound: dict[int, Any] = {}
    tables = (table for child in copied.modules() for table in attribute_tables(child) if isinstance(table, dict))
    for table in tables:
        for name, value in table.items():
            if isinstance(value, HOLDING_MODULES):
                table[name] = _rebound(value, copies, rebound)


def attribute_tables(module: nn.Module) -> Iterator[Any]:
    """The attributes of a module, hooks among them, and the dictionaries and lists among these."""
    yield vars(module)
    yield from (value for value in vars(module).values() if isinstance(value, dict | list))


def _rebound(value: Any, copies: Mapping[int, Any], rebound: dict[int, Any]) -> Any:
    """The value that stands for this one in the copy; itself where it does not lead back to the original."""
    if isinstance(value, nn.Module):
        return copies.get(id(value), value)
    if isinstance(value, types.MethodType) and isinstance(value.__self__, nn.Module):
        return types.MethodType(value.__func__, copies.get(id(value.__self__), value.__self__))
    if not isinstance(value, types.FunctionType) or not value.__closure__:
        return value
    if id(value) not in rebound:
        rebound[id(value)] = value  # a function that closes over itself
        rebound[id(value)] = _rebound_function(value, copies, rebound)
    return rebound[id(value)]


def _rebound_function(
    function: types.FunctionType, copies: Mapping[int, Any], rebound: dict[int, Any]
) -> types.FunctionType:
    cells = tuple(_cell(cell, copies, rebound) for cell in function.__closure__ or ())
    if all(new is old for new, old in zip(cells, function.__closure__ or (), strict=True)):
        return function
    new = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, cells)
    new.__kwdefaults__ = function.__kwdefaults__
    new.__dict__.update(vars(function))
    return new


def _cell(cell: types.CellType, copies: Mapping[int, Any], rebound: dict[int, Any]) -> types.CellType:
    try:
        content = cell.cell_contents
    except ValueError:  # not filled yet
        return cell
    if isinstance(content, list | tuple) and type(content) in (list, tuple):
        new: Any = type(content)(_rebound(item, copies, rebound) for item in content)
        same = all(a is b for a, b in zip(new, content, strict=True))
    else:
        new = _rebound(content, copies, rebound)
        same = new is content
    return cell if same else types.CellType(new)
