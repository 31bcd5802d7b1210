"""Walk the arguments and results of a forward: any nesting of containers that people put tensors in."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from analyzer.loading.loaded_model import InputSpec
from analyzer.loading.meta_copy import tensor_copies

Leaf = torch.Tensor | InputSpec
MOST_YIELDED = 1000
"""Items that are taken from a generator, which need not end."""


def leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Leaf]]:
    """Every tensor in a tree with a dotted name: keys, fields and positions; of a nested one the values in a row."""
    if isinstance(tree, Leaf):
        yield name, in_a_row(tree) if isinstance(tree, torch.Tensor) else tree
        return
    if isinstance(tree, PackedSequence):
        yield name, tree.data
        return
    for key, item in _children(tree):
        yield from leaves(item, f"{name}.{key}" if name else str(key))


def named_leaves(module: nn.Module, args: Any, kwargs: Any) -> Iterator[tuple[str, Leaf]]:
    """Every tensor among the arguments of a call, under the names that the signature of `forward` gives them."""
    try:
        bound: Any = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        bound = {**{f"input{position}": value for position, value in enumerate(args)}, **kwargs}
    for name, value in bound.items():
        yield from leaves(value, name)


def flat(value: Any) -> Iterator[Any]:
    """The items of nested lists and tuples, such as the arguments of an operator."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from flat(item)
    else:
        yield value


def tensors_among(value: Any) -> list[torch.Tensor]:
    """The tensors in nested lists and tuples."""
    found: list[torch.Tensor] = []
    _gather(value, found)
    return found


def _gather(value: Any, found: list[torch.Tensor]) -> None:
    if isinstance(value, torch.Tensor):
        found.append(value)
    elif isinstance(value, list | tuple):
        for item in value:
            _gather(item, found)


def has_no_values(tensor: torch.Tensor) -> bool:
    """Whether the tensor is a meta or fake one."""
    return tensor.is_meta or type(tensor).__name__ == "FakeTensor"


def shapes(tree: Any) -> tuple[tuple[int, ...], ...]:
    """The shape of every tensor in a tree."""
    if isinstance(tree, torch.Tensor):
        return (tuple(in_a_row(tree).shape),)
    if type(tree) is tuple:
        return tuple(shape for item in tree for shape in shapes(item))
    return tuple(tuple(leaf.shape) for _, leaf in leaves(tree))


def in_a_row(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor as it is; of a nested one, whose rows differ in length, all rows after each other."""
    if not tensor.is_nested:
        return tensor
    if tensor.layout is torch.jagged:
        values: Any = tensor._values  # an attribute, where its `values()` would be an operator
        return values  # type: ignore[no-any-return]
    with torch._C._DisableTorchDispatch():
        rows, sizes = tensor.values(), tensor._nested_tensor_size()
        widths = set(sizes[:, -1].tolist())
        return rows.view(-1, widths.pop()) if len(widths) == 1 else rows


def map_leaves(tree: Any, change: Callable[[Leaf], Any]) -> Any:
    """The same tree with every tensor changed; containers keep their types, other objects are copied if they hold some.

    An object that cannot be copied is shared.
    """
    if isinstance(tree, Leaf):
        return change(tree)
    if isinstance(tree, PackedSequence):  # batch_sizes are read on the CPU by definition
        return tree._replace(data=change(tree.data))
    if isinstance(tree, Mapping):
        return _mapping_like(tree, {key: map_leaves(item, change) for key, item in tree.items()})
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_leaves(item, change) for item in tree))
    if isinstance(tree, list | tuple | set):
        return type(tree)(map_leaves(item, change) for item in tree)
    if _is_dataclass(tree):
        return _dataclass_like(tree, change)
    return _object_like(tree, change)


def drained(output: Any, leave_out: Callable[[str, str], None]) -> Any:
    """The output with what it yields instead of the iterators in it, whose work is done only as they are consumed."""
    if isinstance(output, Iterator):
        items = [drained(item, leave_out) for item in islice(output, MOST_YIELDED)]
        if len(items) == MOST_YIELDED:
            leave_out("generator", f"only the first {MOST_YIELDED} items that the forward yields are counted")
        return items
    if inspect.iscoroutine(output) or inspect.isasyncgen(output):
        leave_out("coroutine", "the forward is asynchronous: its work is done where its result is awaited")
        return None
    if type(output) in (list, tuple):
        return type(output)(drained(item, leave_out) for item in output)
    if type(output) is dict:
        return {key: drained(item, leave_out) for key, item in output.items()}
    return output


def _children(tree: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(tree, Mapping):
        yield from tree.items()
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        yield from zip(tree._fields, tree, strict=True)
    elif isinstance(tree, list | tuple | set):
        yield from enumerate(tree)
    elif _is_dataclass(tree):
        yield from ((field.name, getattr(tree, field.name)) for field in dataclasses.fields(tree))


def _is_dataclass(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _mapping_like(tree: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    if type(tree) is dict:
        return items
    changed: Any = copy.copy(tree)  # keeps defaultdict factories, BatchEncoding and the like
    changed.update(items)
    return changed


def _dataclass_like(tree: Any, change: Callable[[Leaf], Any]) -> Any:
    changed = copy.copy(tree)
    for field in dataclasses.fields(tree):
        object.__setattr__(changed, field.name, map_leaves(getattr(tree, field.name), change))
    return changed


def _object_like(tree: Any, change: Callable[[Leaf], Any]) -> Any:
    copies = tensor_copies(tree, change)
    if not copies:
        return tree
    try:
        return copy.deepcopy(tree, copies)
    except Exception:  # whatever a user's class raises when copied
        return tree
