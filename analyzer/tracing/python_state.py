"""Python objects that a forward may write to, found and remembered: globals, class attributes, closures, caches."""

from __future__ import annotations

import functools
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import nn

from analyzer.tracing.python_restoring import (
    dict_class,
    give_back_cache,
    give_back_cell,
    give_back_class,
    give_back_dict,
    give_back_list,
    give_back_namespace,
    give_back_set,
    give_back_slots,
    holds_a_trace,
    is_unchanged,
)
from analyzer.tracing.seeding import draws, generator_of

MAX_OBJECTS = 200_000
"""How many objects are looked at, nearest to the model first: a tenth of a second."""
MAX_ITEMS = 10_000
"""Longer containers are given back too, but what is in them is not looked at: data sets, vocabularies."""
WITHOUT_STATE = frozenset({*sys.stdlib_module_names, "torch", "numpy", "sympy", "networkx", "analyzer"})
"""Packages whose own globals no forward of a user fills with tensors."""
PLAIN = frozenset({str, bytes, int, float, complex, bool, type(None), torch.dtype, torch.Size})

GIVEN_UP = (AttributeError, TypeError, RuntimeError)
"""What is raised where something cannot be set."""

Kept = tuple[Callable[[Any, Any], None], Any, Any]
"""How something is given back, what it is, and what it was."""


class PythonState:
    """What is reachable from some roots, as it is now.

    Followed are containers, attributes, closures, and the globals that functions name, but for the packages without
    state. Tensors are passed over: WrittenTensors keeps their values.
    """

    def __init__(self, roots: Iterable[Any]) -> None:
        self._kept: list[Kept] = []
        self.generators: list[Any] = []
        """What random numbers are drawn from."""
        self._within: tuple[Any, list[Any]] | None = None
        self._seen: dict[int, Any] = {}
        waiting = deque(roots)
        while waiting and len(self._seen) < MAX_OBJECTS:
            value = waiting.popleft()
            if type(value) not in PLAIN and id(value) not in self._seen:
                self._seen[id(value)] = value
                waiting.extend(self._keep(value))
        self.is_whole = not waiting
        """Whether all that is reachable was looked at."""
        self._seen.clear()

    def give_back(self) -> None:
        """Everything as it was, but what a class forbids to set.

        While other threads run, only what holds a tensor without values: other changes may be theirs.
        """
        alone = not any(_is_of_python(thread) for thread in threading.enumerate())
        for restore, value, content in self._kept:
            if alone or (not is_unchanged(value, content) and holds_a_trace(value)):
                try:
                    restore(value, content)
                except GIVEN_UP:
                    continue

    def generators_within(self, module: nn.Module) -> list[Any]:
        """What random numbers a module that is the analysis's own draws from; looked for once in the last one asked."""
        if self._within is None or self._within[0] is not module:
            self._within = module, PythonState([module]).generators
        return self._within[1]

    def _keep(self, value: Any) -> Iterable[Any]:
        kind = type(value)
        if draws(kind):  # type: ignore[arg-type]
            self.generators.append(value)
            generator = generator_of(value)
            self._kept.append((lambda _, state: generator.write(state), value, generator.read()))
            return ()
        for base, keep in KEEPING:
            if issubclass(kind, base):
                kept, inner = keep(value)
                self._kept.extend(kept)
                return inner
        return self._keep_instance(value)

    def _keep_instance(self, value: Any) -> Iterable[Any]:
        """The attributes of an object; of torch's own classes modules alone have some that matter."""
        kind = type(value)
        if not _has_state(kind.__module__) and not issubclass(kind, nn.Module):
            return ()
        attributes = _attributes(value)
        slots = {name: getattr(value, name) for name in _slots_of(kind) if hasattr(value, name)}
        if slots:
            self._kept.append((give_back_slots, value, slots))
        return (kind, *slots.values(), *(() if attributes is None else (attributes,)))


def _keep_dict(value: dict[Any, Any]) -> tuple[list[Kept], Iterable[Any]]:
    content = dict(dict_class(value).items(value))
    return [(give_back_dict, value, content)], content.values() if len(content) <= MAX_ITEMS else ()


def _keep_list(value: Any) -> tuple[list[Kept], Iterable[Any]]:
    content = tuple(value)
    return [(give_back_list, value, content)], content if len(content) <= MAX_ITEMS else ()


def _keep_module(value: types.ModuleType) -> tuple[list[Kept], Iterable[Any]]:
    if not _has_state(vars(value).get("__name__")):
        return [], ()
    return [(give_back_namespace, vars(value), dict(vars(value)))], ()


def _keep_function(value: types.FunctionType) -> tuple[list[Kept], Iterable[Any]]:
    cells = [(cell, cell.cell_contents) for cell in value.__closure__ or () if _is_full(cell)]
    kept: list[Kept] = [(give_back_cell, cell, content) for cell, content in cells]
    held = (*(content for _, content in cells), value.__defaults__, value.__kwdefaults__, value.__dict__)
    if not _has_state(value.__globals__.get("__name__")):
        return kept, held
    return kept, (*held, sys.modules.get(value.__globals__["__name__"]), *_named(value.__code__, value.__globals__))


def _named(code: types.CodeType, namespace: dict[str, Any]) -> Iterator[Any]:
    """What a function finds under the names in its code: globals, and what other modules of the user hold."""
    names = _names(code)
    for name in names & namespace.keys():
        value = namespace[name]
        yield value
        if isinstance(value, types.ModuleType) and _has_state(vars(value).get("__name__")):
            yield from (vars(value)[inner] for inner in names & vars(value).keys())


@functools.lru_cache(maxsize=MAX_ITEMS)
def _names(code: types.CodeType) -> frozenset[str]:
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType))
    return frozenset(code.co_names).union(*inner)


def _keep_cache(value: Any) -> tuple[list[Kept], Iterable[Any]]:
    return [(give_back_cache, value, value.cache_info())], (value.__wrapped__,)


def _keep_class(value: type) -> tuple[list[Kept], Iterable[Any]]:
    if not _has_state(value.__module__):
        return [], ()
    content = dict(vars(value))
    return [(give_back_class, value, content)], (*content.values(), *value.__bases__)


KEEPING: tuple[tuple[Any, Callable[[Any], tuple[list[Kept], Iterable[Any]]]], ...] = (
    (dict, _keep_dict),
    ((list, deque), _keep_list),
    (set, lambda value: ([(give_back_set, value, frozenset(value))], ())),
    ((tuple, frozenset), lambda value: ([], value if len(value) <= MAX_ITEMS else ())),
    (torch.Tensor, lambda _: ([], ())),
    (types.FunctionType, _keep_function),
    (types.MethodType, lambda value: ([], (value.__self__, value.__func__))),
    ((staticmethod, classmethod), lambda value: ([], (value.__func__,))),
    (property, lambda value: ([], (value.fget,))),
    (functools.cached_property, lambda value: ([], (value.func,))),
    (functools.partial, lambda value: ([], (value.func, value.args, value.keywords))),
    (functools._lru_cache_wrapper, _keep_cache),
    (types.ModuleType, _keep_module),
    (type, _keep_class),
    (types.BuiltinMethodType, lambda value: ([], (value.__self__,))),  # a method of a generator's, say
)
"""By kind: what must be given back of a value, and what it holds."""


def _is_of_python(thread: threading.Thread) -> bool:
    """Whether a thread is another one that Python started; those of torch's own are seen too once they called back."""
    return thread is not threading.current_thread() and not isinstance(thread, threading._DummyThread)


def _is_full(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _has_state(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] not in WITHOUT_STATE


def _attributes(value: Any) -> dict[str, Any] | None:
    """The attributes of an object as they are stored; asking it might run code of its own."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return found if isinstance(found, dict) else None


def _slots_of(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        names = vars(base).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if isinstance(vars(base).get(name), types.MemberDescriptorType):
                yield name
