"""Trace a loaded on the highest backend that carries it, and say why a lower one was needed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from analyzer.loading.loaded_model import Inputs, LoadedModel
from analyzer.tracing.backends import BACKENDS, META, REAL, Backend
from analyzer.tracing.containers import leaves, map_leaves
from analyzer.tracing.device_redirect import Elsewhere, is_for_lack_of_a_device
from analyzer.tracing.failure import Failure, explain
from analyzer.tracing.global_state import preserved
from analyzer.tracing.ownership import ModuleStack
from analyzer.tracing.recorder import Recorder
from analyzer.values.errors import Problem
from analyzer.values.graph import Parameter, Trace
from analyzer.values.results import Input

Progress = Callable[[str], None]
MAX_REAL_TRIALS = 3
"""How many assumed inputs are tried for real before giving up."""


def trace(loaded: LoadedModel, progress: Progress = lambda _: None) -> Trace:
    """The operators of one forward; Problem when no backend carries it, naming the layer and the user's line."""
    loaded, unwrapped = _unwrap(loaded)
    failures: list[Failure] = []
    with loaded.surroundings(), preserved():
        for backend in BACKENDS:
            progress(
                f"{loaded.name}: tracing on {backend.mode} tensors"
                if backend is not REAL
                else f"{loaded.name}: running"
            )
            result = _try_rung(loaded, backend, failures)
            if isinstance(result, Trace):
                return replace(result, assumptions=unwrapped + result.assumptions)
            failures = result
            if not failures or _is_final(failures):
                break
    raise explain(loaded, failures)


def _try_rung(loaded: LoadedModel, backend: Backend, earlier: list[Failure]) -> Trace | list[Failure]:
    """The trace of the first inputs that pass, or all failures of this backend after those before it."""
    candidates = _worth_trying(loaded, backend, earlier)
    failures: list[Failure] = []
    for inputs in candidates:
        try:
            return _run(loaded, backend, inputs, earlier)
        except Problem:
            raise
        except Failure as failure:
            failures.append(failure)
    return earlier + failures


def _worth_trying(loaded: LoadedModel, backend: Backend, earlier: list[Failure]) -> list[Inputs]:
    """Assumed inputs go down the ladder only where values were missing: a shape that does not fit never will."""
    if backend is META or len(loaded.candidates) == 1:
        return list(loaded.candidates)
    missing = [f.inputs for f in earlier if f.mode == META.mode and f.needs_values]
    return missing[:MAX_REAL_TRIALS]


def _is_final(failures: list[Failure]) -> bool:
    """Two backends that fail with the same words fail for the user's own reason."""
    messages = [(failure.mode, failure.message) for failure in failures]
    modes = {mode for mode, _ in messages}
    return len(modes) > 1 and messages[-1][1] in [message for mode, message in messages if mode != messages[-1][0]]


def _run(loaded: LoadedModel, backend: Backend, inputs: Inputs, earlier: list[Failure]) -> Trace:
    torch.manual_seed(0)
    stack: ModuleStack | None = None
    try:
        with backend.module(loaded) as module:
            args = map_leaves(tuple(inputs.args), lambda leaf: backend.make_input(leaf, module))
            kwargs = map_leaves(dict(inputs.kwargs), lambda leaf: backend.make_input(leaf, module))
            _settle_lazy_modules(module, args, kwargs)
            stack = ModuleStack(module)
            recorder = Recorder(stack, _names(module), backend.run, has_values=backend is REAL)
            output = _forward(module, args, kwargs, stack, recorder, backend)
            reason = next((f.why for f in reversed(earlier) if f.inputs is inputs), "")
            return Trace(
                graph=recorder.graph,
                modules=stack.summary(),
                parameters=_parameters(module),
                inputs=_describe_inputs(module, args, kwargs),
                mode=backend.mode,
                reason=reason,
                allocations=recorder.allocations_beside(output),
                outputs=recorder.tensors_in(output),
                assumptions=(inputs.assumption,) if inputs.assumption else (),
                candidate=next(place for place, given in enumerate(loaded.candidates) if given is inputs),
            )
    except Problem:
        raise
    except (Exception, SystemExit) as error:
        raise Failure(backend.mode, inputs, error, stack.failed if stack else None) from error


def _forward(
    module: nn.Module, args: Any, kwargs: Any, stack: ModuleStack, recorder: Recorder, backend: Backend
) -> Any:
    """One recorded call; with gradients where the forward differentiates, elsewhere where it names a missing device."""

    def call(*contexts: AbstractContextManager[Any]) -> Any:
        recorder.restart()
        stack.restart()
        with ExitStack() as entered, stack.following():
            for context in (*contexts, recorder):
                entered.enter_context(context)
            return module(*args, **kwargs)

    plain = (torch.no_grad, torch._C._AutoDispatchBelowAutograd)
    try:
        return call(*(context() for context in plain))
    except Exception as error:
        if "does not require grad" in str(error):
            return call(torch.enable_grad())
        if is_for_lack_of_a_device(error):
            return call(*(context() for context in plain), Elsewhere("meta" if backend is META else "cpu"))
        raise


def _settle_lazy_modules(module: nn.Module, args: Any, kwargs: Any) -> None:
    """Lazy parameters get their shapes from a first forward; counting looks at the second."""
    if any(is_lazy(parameter) for parameter in [*module.parameters(), *module.buffers()]):
        with torch.no_grad():
            module(*args, **kwargs)


def _names(module: nn.Module) -> Mapping[int, str]:
    named = [*module.named_parameters(), *module.named_buffers()]
    return {id(tensor): name for name, tensor in named}


def _parameters(module: nn.Module) -> tuple[Parameter, ...]:
    """Parameters and buffers under the first path of their module; those that share memory share their identity."""
    rows: list[Parameter] = []
    identities: dict[Any, int] = {}
    for path, child in module.named_modules():
        for is_buffer, table in ((False, child._parameters), (True, child._buffers)):
            for name, tensor in table.items():
                if tensor is None:
                    continue
                identity = identities.setdefault(_identity(tensor), len(identities))
                rows.append(_parameter(f"{path}.{name}" if path else name, path, tensor, identity, is_buffer))
    return tuple(rows)


def _identity(tensor: torch.Tensor) -> Any:
    try:
        return tensor.untyped_storage()._cdata, tensor.storage_offset(), tuple(tensor.shape)
    except (NotImplementedError, RuntimeError):
        return id(tensor)


def _parameter(name: str, owner: str, tensor: torch.Tensor, identity: int, is_buffer: bool) -> Parameter:
    dtype = str(tensor.dtype).removeprefix("torch.")
    size = tensor.element_size()
    return Parameter(name, owner, tuple(tensor.shape), dtype, size, identity, tensor.requires_grad, is_buffer)


def _describe_inputs(module: nn.Module, args: Any, kwargs: Any) -> tuple[Input, ...]:
    try:
        bound: Any = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        bound = {**{f"input{position}": value for position, value in enumerate(args)}, **kwargs}
    rows = (pair for name, value in bound.items() for pair in leaves(value, name))
    return tuple(Input(name, tuple(leaf.shape), str(leaf.dtype).removeprefix("torch.")) for name, leaf in rows)


def _unwrap(loaded: LoadedModel) -> tuple[LoadedModel, tuple[str, ...]]:
    """Look through torch.compile's and the data-parallel wrappers."""
    module, said = loaded.module, []
    while True:
        inner = getattr(module, "_orig_mod", None)
        if inner is None and type(module).__name__ in ("DataParallel", "DistributedDataParallel"):
            inner = module.module
        if not isinstance(inner, nn.Module):
            break
        said.append(f"the model inside {type(module).__name__} was analysed")
        module = inner
    return replace(loaded, module=module), tuple(said)
