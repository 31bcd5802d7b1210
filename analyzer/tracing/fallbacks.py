"""Trace a loaded model on the first backend that can run it, and say why an earlier one could not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from analyzer.loading.loaded_model import Inputs, LoadedModel
from analyzer.loading.meta_copy import tensors_in
from analyzer.loading.wrappers import wrappers_of
from analyzer.tracing import modes
from analyzer.tracing.backends import BACKENDS, META, REAL, Backend
from analyzer.tracing.containers import leaves, map_leaves
from analyzer.tracing.failure import Failure, NeedsValues, explain
from analyzer.tracing.forward import Forward
from analyzer.tracing.kept_module import KeptModule
from analyzer.tracing.lazy_modules import settle
from analyzer.tracing.left_as_found import left_as_found
from analyzer.tracing.operator_memo import OperatorMemo
from analyzer.tracing.ownership import ModuleStack
from analyzer.tracing.python_state import PythonState
from analyzer.tracing.recorded_trace import recorded
from analyzer.tracing.recorder import Recorder, Run
from analyzer.tracing.recursion import enough_frames
from analyzer.tracing.repeating_recorder import RepeatingRecorder
from analyzer.tracing.written_tensors import WrittenTensors
from analyzer.values.counts import Uncounted
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace

Progress = Callable[[str], None]
MAX_REAL_TRIALS = 3
"""How many assumed inputs are tried for real before giving up."""


@dataclass(frozen=True)
class Prepared:
    """What is known of a copy that is traced more than once: it is given back by who made it."""

    memo: OperatorMemo
    """Calls of operators without values that are not carried out again."""
    generators: Sequence[Any] = ()
    """What the copy draws random numbers from."""


def trace(
    loaded: LoadedModel, progress: Progress = lambda _: None, known: Prepared | OperatorMemo | None = None
) -> Trace:
    """The operators of one forward; Problem when no backend carries it, naming the layer and the user's line.

    What operators without values do is kept in a memo, and not carried out again in a copy that was prepared.
    """
    inner, unwrapped = _unwrap(loaded)
    with ready_to_run(inner) as state:
        found = trace_within(inner, state, BACKENDS, progress, known)
    return replace(found, assumptions=unwrapped + found.assumptions)


@contextmanager
def ready_to_run(loaded: LoadedModel) -> Iterator[PythonState]:
    """An unwrapped model can be run within as often as is wanted; afterwards all is as before the block."""
    with modes.only(modes.NONE), left_as_found(loaded) as state, enough_frames(loaded.module):
        yield state


def trace_within(
    loaded: LoadedModel,
    state: PythonState,
    backends: Sequence[Backend],
    progress: Progress = lambda _: None,
    known: Prepared | OperatorMemo | None = None,
) -> Trace:
    """As `trace`, of a model that is ready to run; every forward finds the state as it was kept."""
    failures: list[Failure] = []
    for backend in backends:
        how = "running" if backend is REAL else f"tracing on {backend.mode} tensors"
        progress(f"{loaded.name}: {how}")
        tried = _try_backend(loaded, backend, failures, state, known)
        if isinstance(tried, Trace):
            return tried
        failures = tried
        if not failures or _is_final(failures):
            break
    if (doubtful := _doubtful(failures)) is not None:
        return doubtful
    raise explain(loaded, failures)


def _doubtful(failures: list[Failure]) -> Trace | None:
    """The first trace that was no failure but for a question that was left unanswered, as a gap in it."""
    failure = next((failure for failure in failures if failure.trace is not None), None)
    if failure is None or failure.trace is None:
        return None
    gap = Uncounted("values", 1, (), f"{failure.why}, and no other way: what follows may be wrong")
    return replace(failure.trace, gaps=(*failure.trace.gaps, gap))


def _try_backend(
    loaded: LoadedModel,
    backend: Backend,
    earlier: list[Failure],
    state: PythonState,
    known: Prepared | OperatorMemo | None,
) -> Trace | list[Failure]:
    """The trace of the first inputs that pass, or all failures of this backend after those before it."""
    candidates = _worth_trying(loaded, backend, earlier)
    failures: list[Failure] = []
    for inputs in candidates:
        try:
            return _run(loaded, backend, inputs, earlier, state, known)
        except Problem:
            if _doubtful(earlier) is None:
                raise
        except Failure as failure:
            failures.append(failure)
            if failure.trace is not None:
                break
        finally:
            state.give_back()
    return earlier + failures


def _worth_trying(loaded: LoadedModel, backend: Backend, earlier: list[Failure]) -> list[Inputs]:
    """Assumed inputs go to the next backend only where values were missing: a shape that does not fit never will."""
    if backend is META or len(loaded.candidates) == 1:
        return list(loaded.candidates)
    missing = [f.inputs for f in earlier if f.mode == META.mode and f.needs_values]
    return missing[:MAX_REAL_TRIALS]


def _is_final(failures: list[Failure]) -> bool:
    """Two backends that fail with the same words fail for the user's own reason, unless both lacked values."""
    messages = [(failure.mode, failure.message) for failure in failures if failure.trace is None]
    tried = {mode for mode, _ in messages}
    if len(tried) < 2 or failures[-1].needs_values:
        return False
    return messages[-1][1] in [message for mode, message in messages if mode != messages[-1][0]]


def _run(
    loaded: LoadedModel,
    backend: Backend,
    inputs: Inputs,
    earlier: list[Failure],
    state: PythonState,
    known: Prepared | OperatorMemo | None,
) -> Trace:
    torch.manual_seed(0)
    random.seed(0)
    try:
        with backend.module(loaded) as module:
            given = (tuple(inputs.args), dict(inputs.kwargs))
            args, kwargs = map_leaves(given, lambda leaf: backend.make_input(leaf, module))
            settle(module, args, kwargs)
            forward, output = called(loaded, backend, inputs, module, args, kwargs, state, known)
            result = recorded(loaded, backend, inputs, earlier, forward, output)
    except (Problem, Failure):
        raise
    except (Exception, SystemExit) as error:
        raise Failure(backend.mode, inputs, error, None) from error
    for what, path in forward.recorder.doubts if backend is not REAL else ():
        raise Failure(backend.mode, inputs, NeedsValues(what), (path, ()), result)
    return result


def called(
    loaded: LoadedModel,
    backend: Backend,
    inputs: Inputs,
    module: nn.Module,
    args: Any,
    kwargs: Any,
    state: PythonState,
    known: Prepared | OperatorMemo | None = None,
) -> tuple[Forward, Any]:
    """One call of a module that the backend made, with arguments that are of it, and what it returned.

    Failure names the layer that raised.
    """
    is_kept = isinstance(known, Prepared) and module is loaded.module
    generators = [*state.generators, *_generators(loaded, module, state, known)]
    memo = known.memo if isinstance(known, Prepared) else known
    stack = ModuleStack(module, loaded.module, None if memo is None else memo.built)
    written = WrittenTensors(_own_tensors(*(() if is_kept else (module,)), args, kwargs))
    recorder = _recorder(loaded, backend, stack, module, written.following(backend.run), memo)
    device = meant_device(loaded, inputs)
    recorder.on_cpu, recorder.is_symbolic = device.type == "cpu", backend.is_symbolic
    forward = Forward(module, args, kwargs, recorder, device if backend is META else None, generators)
    try:
        with written.given_back():
            return forward, forward.call()
    except Problem:
        raise
    except (Exception, SystemExit) as error:
        raise Failure(backend.mode, inputs, error, stack.failed) from error


def _recorder(
    loaded: LoadedModel, backend: Backend, stack: ModuleStack, module: nn.Module, run: Run, memo: OperatorMemo | None
) -> Recorder:
    if backend is not META or memo is None:
        return Recorder(stack, names_of(module), run, has_values=backend is REAL)
    found = RepeatingRecorder(stack, names_of(module), run, memo)
    found.may_mark_layers = loaded.owned or module is not loaded.module
    return found


def meant_device(loaded: LoadedModel, inputs: Inputs) -> torch.device:
    """Where the model's tensors lie, or the inputs; the CPU for those that were built without memory."""
    given = (leaf for _, leaf in leaves((inputs.args, inputs.kwargs)) if isinstance(leaf, torch.Tensor))
    tensors = chain(loaded.module.parameters(), loaded.module.buffers(), given)
    return next((tensor.device for tensor in tensors if tensor.device.type != "meta"), torch.device("cpu"))


def _generators(
    loaded: LoadedModel, module: nn.Module, state: PythonState, known: Prepared | OperatorMemo | None
) -> Sequence[Any]:
    """What a module of the analysis's own draws random numbers from."""
    if isinstance(known, Prepared) or not loaded.owned:
        return known.generators if isinstance(known, Prepared) else ()
    if known is None:
        return state.generators_within(module)
    if known.kept is None or known.kept.module is not module:
        known.kept = KeptModule.of(module)
    return known.kept.python.generators


def _own_tensors(*made: Any) -> Iterator[torch.Tensor]:
    """What was made for this run: the tensors of a copied module and of copied inputs."""
    yield from (tensor for tensor in tensors_in(made) if not is_lazy(tensor))


def names_of(module: nn.Module) -> Mapping[int, str]:
    named = [*module.named_parameters(), *module.named_buffers()]
    return {id(tensor): name for name, tensor in named}


def _unwrap(loaded: LoadedModel) -> tuple[LoadedModel, tuple[str, ...]]:
    """Look through torch.compile's and the data-parallel wrappers."""
    outer = [loaded.module, *(inner for _, inner in wrappers_of(loaded.module))]
    said = tuple(f"the model inside {type(module).__name__} was analysed" for module in outer[:-1])
    return replace(loaded, module=outer[-1]), said
