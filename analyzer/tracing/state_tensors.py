"""Find the tensors that a model keeps between calls: in what it returned, and in its own modules."""

from __future__ import annotations

import inspect
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from analyzer.loading.meta_copy import ATOMS
from analyzer.values.graph import Trace

CACHE_SWITCHES = ("use_cache", "use_mems")
"""Arguments that ask a forward to return its state."""
NEVER_STATE = ("mask", "label", "target", "position", "embeds", "output_", "return_")
"""Parts of the names of arguments that no state is given to."""
STATES = ("state", "past", "cache", "hidden", "hx", "h0", "h_0", "mem")
"""Parts of the names of arguments that a first state is given to."""
MOST_WAYS = 16
"""Ways to give state back that are tried for one forward."""

CACHES = ("cache", "past_key_values")
"""Arguments by which models of transformers take a cache that their caller made."""
Way = dict[str, Any]
"""Arguments of the next call, each with the part of the output that it is given: a name, a place, or several places."""


def named_tensors(value: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor reachable from a value through containers and attributes, each once, under a dotted path."""
    waiting, seen = deque([(name, value)]), dict[int, Any]()
    while waiting:
        path, item = waiting.popleft()
        if id(item) in seen or isinstance(item, (*ATOMS, nn.Module)):
            continue
        seen[id(item)] = item
        if isinstance(item, torch.Tensor):
            yield path, item
        else:
            waiting.extend((f"{path}.{key}" if path else str(key), held) for key, held in _held(item))


def _held(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=True)
    elif isinstance(value, list | tuple | set | deque):
        yield from enumerate(value)
    else:
        attributes = getattr(value, "__dict__", None)
        yield from attributes.items() if isinstance(attributes, dict) else ()


def asked_for_state(module: nn.Module, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the switch on that makes the forward return its state, where it has one."""
    parameters = inspect.signature(module.forward).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    config = getattr(module, "config", None)
    switches = [
        name for name in CACHE_SWITCHES if name in parameters or (takes_any and hasattr(config, name))
    ]  # a model with a configuration hands such arguments on to its inner model
    return {**dict.fromkeys(switches, True), **kwargs}


def empty_caches(module: nn.Module, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """A cache for a model of transformers that makes none itself, as `generate` gives it."""
    if not type(module).__module__.startswith("transformers."):
        return {}
    names = [name for name in CACHES if name in inspect.signature(module.forward).parameters and name not in kwargs]
    make = getattr(sys.modules.get("transformers"), "DynamicCache", None)
    return {} if make is None else {name: make(config=module.config) for name in names[:1]}


def ways_back(module: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> list[Way]:
    """How the next call may be given parts of an output, the likeliest way first.

    A part that has an argument's name goes there; parts of a tuple, but for the first, are tried on the arguments that
    were left out.
    """
    free = left_out(module, args, kwargs)
    parts = _parts(output)
    named = {name: name for name in parts if name in free}
    if named or not isinstance(output, tuple | list):
        return [named] if named else []
    rest = [place for place in parts if place]
    ways: list[Way] = [{name: place} for place in rest for name in free]
    if len(rest) > 1:
        together: list[Way] = [dict(zip(free, rest, strict=False))] if len(free) >= len(rest) else []
        ways += [*together, *({name: tuple(rest)} for name in free)]
    return ways[:MOST_WAYS]


def taken(output: Any, way: Way) -> dict[str, Any] | None:
    """The parts of an output by the arguments that they go to; None where one is missing."""
    parts = _parts(output)
    found = {}
    for name, key in way.items():
        keys = key if isinstance(key, tuple) else (key,)
        if not parts.keys() >= set(keys):
            return None
        found[name] = tuple(parts[each] for each in keys) if isinstance(key, tuple) else parts[key]
    return found


def _parts(output: Any) -> dict[Any, Any]:
    """The parts of an output that hold tensors, by name or place."""
    if isinstance(output, torch.Tensor):
        return {}
    return {name: value for name, value in _held(output) if next(named_tensors(value), None) is not None}


def left_out(module: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> list[str]:
    """Arguments of the forward that may be given state: those left out that have a default, and first states."""
    signature = inspect.signature(module.forward)
    given = signature.bind_partial(*args, **kwargs).arguments
    usual = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.kind in usual]
    first = {name for name in list(given)[1:] if any(word in name for word in STATES)}
    return [
        parameter.name
        for parameter in parameters
        if parameter.name in first or (parameter.default is not parameter.empty and parameter.name not in given)
        if not any(word in parameter.name for word in NEVER_STATE)
    ]


def held_tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Tensors that modules hold as buffers or plain attributes, by path; running statistics are left out."""
    found: dict[str, torch.Tensor] = {}
    for path, child in module.named_modules():
        if isinstance(child, _NormBase):
            continue
        own = {name: value for name, value in vars(child).items() if not name.startswith("_")}
        for name, tensor in named_tensors({**child._buffers, **own}):
            found[f"{path}.{name}" if path else name] = tensor
    parameters = {id(parameter) for parameter in module.parameters()}
    return {path: tensor for path, tensor in found.items() if id(tensor) not in parameters}


def left_in_modules(before: Mapping[str, torch.Tensor], module: nn.Module, trace: Trace) -> dict[str, torch.Tensor]:
    """What a forward left in the modules: tensors that are new there, and buffers that it wrote into."""
    written = {tensor.weight for op in trace.graph if "inplace" in op.tags for tensor in op.outputs}
    after = held_tensors(module)
    return {path: tensor for path, tensor in after.items() if before.get(path) is not tensor or path in written}
