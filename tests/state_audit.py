"""What must be the same after an analysis: the model, its inputs, globals, caches, torch's switches and modes."""

import functools
import gc
import inspect
import random
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from unittest.mock import patch

import numpy
import torch
from torch import nn

Result = TypeVar("Result")
ATOMS = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device, torch.Size)
OTHERS = frozenset({*sys.stdlib_module_names, "torch", "numpy", "_pytest", "pytest", "analyzer"})
"""Packages whose modules are not looked into; torch's own state is asked for by name."""


def audited(held: tuple[Any, ...], call: Callable[[], Result]) -> Result:
    """What the call returns; fails when it changes what the objects hold or the process, or leaves a tensor behind.

    What the call raises is raised after the audit. Threads that were there before do not count: while others run, the
    analysis leaves alone what may be theirs.
    """
    modules = _modules_of(held)
    gc.freeze()  # gc never looks at what is alive now: all that it finds afterwards is new
    before, raised, result = _state(held, modules), None, None
    idle, threads = set(threading.enumerate()) - {threading.current_thread()}, threading.enumerate
    try:
        with patch.object(threading, "enumerate", lambda: [thread for thread in threads() if thread not in idle]):
            result = call()
    except Exception as error:
        raised = error
        _forget_frames(error)
    _compare(before, _state(held, modules))
    if raised is not None:
        raise raised
    return result


def _forget_frames(error: BaseException | None) -> None:
    """A traceback holds what the forward worked on as long as somebody keeps the error."""
    if error is not None:
        error.__traceback__ = None
        _forget_frames(error.__cause__)
        _forget_frames(error.__context__)


def _compare(before: dict[str, Any], after: dict[str, Any]) -> None:
    caches = zip(before.pop("caches"), after.pop("caches"), strict=True)
    assert all(now <= then for then, now in caches), "caches hold results that they did not hold"
    for name, value in before.items():
        assert after[name] == value, f"{name} changed: {_first_difference(value, after[name])}"
    gc.collect()
    left = [value for value in gc.get_objects() if issubclass(type(value), torch.Tensor) and value_is_none(value)]
    described = [(type(value).__name__, tuple(value.shape), _holders(value)) for value in left]
    assert not left, f"tensors without values stayed: {described[:3]}"


def value_is_none(tensor: torch.Tensor) -> bool:
    """Whether it is a meta or a fake tensor."""
    return type(tensor).__name__ == "FakeTensor" or bool(tensor.is_meta)


def _holders(tensor: torch.Tensor) -> list[str]:
    return [f"{type(holder).__name__}: {str(holder)[:80]}" for holder in gc.get_referrers(tensor)][:3]


def _first_difference(before: Any, after: Any) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        key = next(key for key in [*before, *after] if before.get(key) != after.get(key))
        return f"{key}: {_first_difference(before.get(key), after.get(key))}"
    if isinstance(before, tuple | list) and isinstance(after, tuple | list) and len(before) == len(after):
        return next(_first_difference(*pair) for pair in zip(before, after, strict=True) if pair[0] != pair[1])
    return f"{str(before)[:300]} to {str(after)[:300]}"


def _state(held: Any, modules: list[types.ModuleType]) -> dict[str, Any]:
    return {
        "objects": _content(held, {}),
        "globals": {module.__name__: _globals(module) for module in modules},
        "caches": [_results(cache) for module in modules for cache in _caches(module)],
        "generators": (random.getstate(), torch.get_rng_state().tolist(), str(numpy.random.get_state()[1].tobytes())),
        "switches": _switches(),
        "modes": (torch._C._len_torch_dispatch_stack(), torch._C._len_torch_function_stack()),
        "hooks": [list(value or ()) for name, value in vars(nn.modules.module).items() if name.startswith("_global_")],
        "functions": [id(function) for function in (torch.matmul, nn.functional.linear, nn.Module.__call__)],
    }


def _switches() -> dict[str, Any]:
    return {
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "threads": torch.get_num_threads(),
        "attention": [
            getattr(torch.backends.cuda, f"{name}_sdp_enabled")() for name in ("flash", "math", "mem_efficient")
        ],
    }


def _modules_of(held: Any) -> list[types.ModuleType]:
    """The modules that these classes, and the classes of these objects, were written in."""
    children = [child for value in held if isinstance(value, nn.Module) for child in value.modules()]
    kinds = {value if inspect.isclass(value) else type(value) for value in [*held, *children]}
    names = {base.__module__ for kind in kinds for base in kind.__mro__}
    return [sys.modules[name] for name in sorted(names) if name.partition(".")[0] not in OTHERS and name in sys.modules]


def _globals(module: types.ModuleType) -> dict[str, Any]:
    named = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    for value in list(named.values()):
        if inspect.isclass(value) and value.__module__ == module.__name__:
            named |= {f"{value.__name__}.{name}": item for name, item in vars(value).items()}
    return {name: _content(value, {}, 4) for name, value in named.items()}


def _caches(module: types.ModuleType) -> Iterator[Any]:
    for value in vars(module).values():
        for item in (value, *(vars(value).values() if inspect.isclass(value) else ())):
            if isinstance(item, functools._lru_cache_wrapper):
                yield item


def _results(cache: Any) -> set[tuple[str, int]]:
    """What a cache holds, by key and identity: the same number of other results would be another content."""
    tables = [table for table in gc.get_referents(cache) if type(table) is dict and table is not vars(cache)]
    return {(str(key), id(value)) for table in tables for key, value in table.items()}


def _content(value: Any, seen: dict[int, int], depth: int = 12) -> Any:
    """A value that compares: tensors by identity, version and values, containers and objects by what they hold."""
    if isinstance(value, ATOMS):
        return value
    if id(value) in seen:
        return ("again", seen[id(value)])
    seen[id(value)] = len(seen)
    if issubclass(type(value), torch.Tensor):
        return _tensor(value)
    if depth == 0 or inspect.isclass(value) or isinstance(value, types.ModuleType | types.CodeType):
        return id(value)
    return (type(value).__name__, id(value), *_inside(value, seen, depth - 1))


def _inside(value: Any, seen: dict[int, int], depth: int) -> Iterator[Any]:
    if issubclass(type(value), dict):
        yield from ((str(key), _content(item, seen, depth)) for key, item in dict.items(value))
    elif issubclass(type(value), list | tuple | set | frozenset):
        yield from (_content(item, seen, depth) for item in value)
    elif isinstance(value, types.FunctionType):
        cells = (cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType())
        yield from (_content(item, seen, depth) for item in (*cells, value.__defaults__, value.__dict__))
    elif isinstance(getattr(value, "__dict__", None), dict):
        yield from ((name, _content(item, seen, depth)) for name, item in vars(value).items())


def _tensor(tensor: torch.Tensor) -> Any:
    lazy = isinstance(tensor, nn.parameter.UninitializedTensorMixin)
    about = (id(tensor), type(tensor).__name__, str(tensor.device), tensor.requires_grad, id(tensor.grad))
    if lazy or value_is_none(tensor) or tensor.is_quantized:
        return about
    if tensor.is_nested:
        return (*about, str(tensor.detach().values().tolist()))
    dense = tensor.detach() if tensor.layout is torch.strided else tensor.detach().to_dense()
    version = None if tensor.is_inference() else tensor._version
    return (*about, tuple(tensor.shape), version, str(dense.flatten()[:64].tolist()), str(dense.double().sum()))
