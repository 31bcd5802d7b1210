"""One forward in evaluation as hooks, replaced functions and traces below autograd see it: calls with their shapes."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks
from torch.nn.utils.rnn import PackedSequence

from analyzer.loading.loaded_model import LoadedModel, dtype_name
from analyzer.loading.meta_copy import tensors_in
from analyzer.tracing.backends import BACKENDS, META, REAL
from analyzer.tracing.containers import map_leaves
from analyzer.tracing.fallbacks import meant_device, names_of, ready_to_run
from analyzer.tracing.forward import Forward
from analyzer.tracing.module_modes import in_mode
from analyzer.tracing.ownership import ModuleStack
from analyzer.tracing.questions import Questions
from analyzer.tracing.recorder import Recorder
from analyzer.tracing.replacements import Replacement, Replacements
from analyzer.tracing.written_tensors import WrittenTensors
from analyzer.values.graph import Op

FUNCTIONS: Mapping[str, str] = {
    "F": "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d relu prelu elu leaky_relu "
    "relu6 gelu silu batch_norm layer_norm instance_norm group_norm avg_pool1d avg_pool2d avg_pool3d max_pool1d "
    "max_pool2d max_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d "
    "adaptive_max_pool2d adaptive_max_pool3d softmax upsample interpolate embedding scaled_dot_product_attention",
    "torch": "matmul mm bmm addmm baddbmm mul add einsum",
    "Tensor": "matmul __matmul__ mm bmm addmm baddbmm mul add",
}
"""What other counters put in place of torch's own, by where it is found."""
MODE = Questions.__module__
OWNERS: Mapping[str, Any] = {"F": nn.functional, "torch": torch, "Tensor": torch.Tensor}


@dataclass(frozen=True, slots=True)
class Shaped:
    """What is left of a tensor: its sizes and data type."""

    shape: tuple[int, ...]
    dtype: str

    def numel(self) -> int:
        """How many elements it has."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Packed:
    """What is left of a packed sequence: how many sequences each step has."""

    data: Shaped
    batch_sizes: tuple[int, ...]


@dataclass(frozen=True)
class ModuleCall:
    """A module that was called, with `Shaped` in place of tensors; the module may be asked how it was built."""

    path: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: Any


@dataclass(frozen=True)
class FunctionCall:
    """A function of torch that the code called by this name, in the module at `path`."""

    name: str
    """As in "F.relu", "torch.matmul", "Tensor.add"."""
    path: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@dataclass
class ForwardCalls:
    """Everything that one forward called, each kind in order."""

    root: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    modules: list[ModuleCall] = field(default_factory=list)
    functions: list[FunctionCall] = field(default_factory=list)
    operators: tuple[Op, ...] = ()
    """As they are called, composite ones whole."""


class _Here(threading.local):
    """What this thread observes, and whether an operator is being carried out on it."""

    calls: ForwardCalls | None = None
    path: Callable[[], str] = staticmethod(lambda: "")
    in_operator = False


HERE = _Here()


class CallRecorder(Recorder):
    """Records operators as they are called; what a kernel without values calls in Python is not the model's."""

    def _carried_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        if func.namespace == "prim":
            return func(*args, **kwargs)
        outer, HERE.in_operator = HERE.in_operator, True
        try:
            outputs = self._run(func, args, kwargs)
        finally:
            HERE.in_operator = outer
        self._record(func, args, kwargs, outputs)
        return outputs


def calls_of(loaded: LoadedModel, mode: str, candidate: int) -> ForwardCalls:
    """The calls of a forward of an unwrapped model, on the backend of that mode; whatever the forward raises."""
    backend = next(backend for backend in BACKENDS if backend.mode == mode)
    inputs = loaded.candidates[candidate]
    with ready_to_run(loaded) as state, backend.module(loaded) as module, in_mode(module, training=False):
        torch.manual_seed(0)
        random.seed(0)
        args = map_leaves(tuple(inputs.args), lambda leaf: backend.make_input(leaf, module))
        kwargs = map_leaves(dict(inputs.kwargs), lambda leaf: backend.make_input(leaf, module))
        written = WrittenTensors(tensors_in((module, args, kwargs)))
        stack = ModuleStack(module, loaded.module)
        recorder = CallRecorder(stack, names_of(module), written.following(backend.run), backend is REAL)
        device = meant_device(loaded, inputs)
        recorder.on_cpu = device.type == "cpu"
        calls = ForwardCalls(module, shaped(args), shaped(kwargs))
        forward = Forward(module, args, kwargs, recorder, device if backend is META else None, state.generators)
        with written.given_back(), _observed(calls, stack), torch.no_grad():
            forward.call()
        calls.operators = tuple(recorder.graph)
        return calls


@contextmanager
def _observed(calls: ForwardCalls, stack: ModuleStack) -> Iterator[None]:
    with ExitStack() as entered:
        for context in (REPLACED.held(), _here(calls, stack)):
            entered.enter_context(context)
        after = hooks.register_module_forward_hook(_note_module, with_kwargs=True)
        try:
            yield
        finally:
            after.remove()
            hooks._global_forward_hooks_with_kwargs.pop(after.id, None)


@contextmanager
def _here(calls: ForwardCalls, stack: ModuleStack) -> Iterator[None]:
    outer = HERE.calls, HERE.path
    HERE.calls, HERE.path = calls, lambda: stack.path
    try:
        yield
    finally:
        HERE.calls, HERE.path = outer


def _note_module(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
    if HERE.calls is not None:
        HERE.calls.modules.append(ModuleCall(HERE.path(), module, shaped(args), shaped(kwargs), shaped(output)))


def _noted(name: str) -> Callable[[Any], Any]:
    """A function that notes its calls, but for those that a mode hands on: `x + y` reaches that as `Tensor.add`."""

    def wrap(original: Any) -> Any:
        @wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if HERE.calls is not None and not HERE.in_operator and sys._getframe(1).f_globals.get("__name__") != MODE:
                HERE.calls.functions.append(FunctionCall(name, HERE.path(), shaped(args), shaped(kwargs)))
            return original(*args, **kwargs)

        return call

    return wrap


def _wanted() -> Iterator[Replacement]:
    for place, names in FUNCTIONS.items():
        yield from ((OWNERS[place], name, _noted(f"{place}.{name}")) for name in names.split())


REPLACED = Replacements(_wanted)


def shaped(value: Any) -> Any:
    """The same tree of tuples, lists and dictionaries with `Shaped` for tensors; other objects as they are."""
    if isinstance(value, torch.Tensor):
        return Shaped(tuple(value.shape), dtype_name(value.dtype))
    if isinstance(value, PackedSequence):
        return Packed(shaped(value.data), tuple(value.batch_sizes.tolist()))
    if isinstance(value, list | tuple):
        return type(value)(map(shaped, value)) if type(value) in (list, tuple) else tuple(map(shaped, value))
    if isinstance(value, dict):
        return {key: shaped(item) for key, item in value.items()}
    return value
