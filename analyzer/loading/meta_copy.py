"""Copies of a module whose tensors hold no values, with every sharing kept; the module itself is not touched."""

from __future__ import annotations

import copy
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from analyzer.loading.rebound_functions import attribute_tables, rebind_functions

MAX_CONSTANT = 2**20
"""Integer tensors up to this many elements keep their values: index tables that a forward may read."""
ATOMS = (str, bytes, int, float, complex, type(None), type, types.FunctionType, types.MethodType, types.ModuleType)
"""What holds no tensor that belongs to an object, or is not copied with it."""
SHARED = frozenset({str, bytes, int, float, complex, bool, type(None)})
"""Values that a copy shares with the original."""
EMPTY = frozenset({dict, OrderedDict, set, list})
"""Containers that are most often empty: a module has nine for its hooks."""

Convert = Callable[[torch.Tensor], torch.Tensor]


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor that a module or another object holds: in attributes, in containers, and in what these hold."""
    waiting, seen = [value], {}
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, ATOMS):
            continue
        seen[id(item)] = item
        if isinstance(item, torch.Tensor):
            yield item
        else:
            waiting.extend(held for held in reversed(_held(item)) if type(held) not in SHARED and not is_empty(held))


def is_empty(value: Any) -> bool:
    """Whether a value is a plain container with nothing in it."""
    return type(value) in EMPTY and not value


def _held(value: Any) -> list[Any]:
    if type(value) is dict or isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple | set | deque):
        return list(value)
    attributes = getattr(value, "__dict__", None)
    return list(attributes.values()) if isinstance(attributes, dict) else []


def tensor_copies(value: Any, convert: Convert) -> dict[int, Any]:
    """What `copy.deepcopy` is to take for each tensor in a value: what `convert` makes of it, once for each tensor."""
    copies: dict[int, Any] = {}
    for tensor in tensors_in(value):
        if is_lazy(tensor):
            device = "meta" if isinstance(convert, MetaTensors) else tensor.device
            kind: Any = type(tensor)
            copies[id(tensor)] = kind(requires_grad=tensor.requires_grad, device=device, dtype=tensor.dtype)
        elif is_plain(tensor):
            copies[id(tensor)] = as_kind_of(tensor, convert(tensor))
    return copies


def copy_with(module: nn.Module, convert: Convert) -> nn.Module:
    """A deep copy in which each dense tensor is what `convert` makes of it; names for one tensor stay names for one."""
    copies = tensor_copies(module, convert)
    children = list(module.modules())
    ways = {kind: _copied_by(kind) for kind in dict.fromkeys(map(type, children))}
    mine = [(child, attributes) for child in children if (attributes := ways[type(child)]) is not None]
    copies |= {id(child): type(child).__new__(type(child)) for child, _ in mine}
    for child, attributes in reversed(mine):  # inner ones first: torch.compile asks the module that it was given
        vars(copies[id(child)]).update(attributes(child, copies))
    copied = copy.deepcopy(module, copies)
    rebind_functions(copied, copies)
    return copied


def _copied_by(kind: Any) -> Callable[[nn.Module, dict[int, Any]], dict[str, Any]] | None:
    """How to copy what modules of a class hold; None where only `copy.deepcopy` knows."""
    if hasattr(kind, "__deepcopy__"):
        return None
    own = [base for base in kind.__mro__[:-1] if not base.__module__.startswith("torch.")]
    if any("__getstate__" in vars(base) for base in own):  # says what a pickle keeps, which a forward may read more of
        return partial(_attributes, is_lenient=True)
    is_usual = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
    is_usual = is_usual and not any({"__setstate__", "__slots__", "__new__"} & vars(base).keys() for base in own)
    return _attributes if is_usual and not issubclass(kind, torch.jit.ScriptModule) else None


def _copy_of(value: Any, copies: dict[int, Any]) -> Any:
    kind = type(value)
    if kind in SHARED:
        return value
    if id(value) not in copies and is_empty(value):
        copies[id(value)] = kind()
    return copies[id(value)] if id(value) in copies else copy.deepcopy(value, copies)


def _attributes(module: nn.Module, copies: dict[int, Any], is_lenient: bool = False) -> dict[str, Any]:
    """Every attribute as `copy.deepcopy` copies it, which takes ten times as long for a module.

    If `is_lenient`, itself where it cannot be copied, as a lock or a connection cannot.
    """
    found = {}
    for name, value in vars(module).items():
        try:
            found[name] = _copy_of(value, copies)
        except Exception:  # a user's class may raise anything when it is copied
            if not is_lenient:
                raise
            found[name] = value
    return found


def is_constant(tensor: torch.Tensor) -> bool:
    """Whether the tensor is a table of at most `MAX_CONSTANT` integers, which keeps its values."""
    whole = not tensor.is_floating_point() and not tensor.is_complex()
    return whole and tensor.numel() <= MAX_CONSTANT and tensor.device.type != "meta"


class MetaTensors:
    """Makes meta tensors that alias each other as the real ones do."""

    def __init__(self) -> None:
        self._storages: dict[int, torch.UntypedStorage] = {}

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        if is_constant(tensor):
            return tensor.detach().cpu().clone()
        real = tensor.untyped_storage()
        storage = self._storages.get(real._cdata)
        if storage is None:
            storage = self._storages[real._cdata] = torch.UntypedStorage(real.nbytes(), device="meta")
        meta = torch.empty(0, dtype=tensor.dtype, device="meta")
        return meta.set_(storage, tensor.storage_offset(), tensor.size(), tensor.stride())


def is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor is dense and of torch's own classes, so that a meta tensor can stand for it."""
    known = type(tensor) in (torch.Tensor, nn.Parameter, nn.Buffer) or type(tensor).__name__ == "FakeTensor"
    return known and tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_nested


def as_kind_of(original: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor as a parameter or a buffer where the original is one, with the original's attributes."""
    if isinstance(original, nn.Parameter):
        tensor = nn.Parameter(tensor, requires_grad=original.requires_grad)
    elif isinstance(original, nn.Buffer):
        tensor = nn.Buffer(tensor, persistent=original.persistent)
    tensor.__dict__.update(vars(original))
    return tensor


@contextmanager
def borrowed_with(module: nn.Module, convert: Convert) -> Iterator[nn.Module]:
    """The module itself with converted tensors, put back as it was afterwards: for one that cannot be copied."""
    converted: dict[int, torch.Tensor] = {}
    kept = [(table, copy.copy(table)) for child in module.modules() for table in attribute_tables(child)]
    try:
        for table, _ in kept:
            if isinstance(table, dict):
                _convert_in(table, convert, converted)
        yield module
    finally:
        for table, before in kept:
            _restore(table, before)


def _convert_in(table: dict[str, Any], convert: Convert, converted: dict[int, torch.Tensor]) -> None:
    for name, value in table.items():
        if isinstance(value, torch.Tensor) and is_plain(value):
            if id(value) not in converted:
                converted[id(value)] = as_kind_of(value, convert(value))
            table[name] = converted[id(value)]


def _restore(container: Any, content: Any) -> None:
    container.clear()
    if isinstance(container, list):
        container.extend(content)
    else:
        container.update(content)
