"""One training step, a forward in training mode and its backward: its operators, and what it holds in memory."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from analyzer.loading.loaded_model import Inputs, LoadedModel
from analyzer.loading.meta_copy import tensors_in
from analyzer.tracing.backends import BACKENDS, META, REAL, Backend
from analyzer.tracing.containers import leaves, map_leaves
from analyzer.tracing.fallbacks import meant_device, names_of, ready_to_run
from analyzer.tracing.forward import Forward
from analyzer.tracing.lazy_modules import settle
from analyzer.tracing.module_modes import in_mode
from analyzer.tracing.ownership import ModuleStack
from analyzer.tracing.python_state import PythonState
from analyzer.tracing.recorded_trace import recorded
from analyzer.tracing.step_recorder import StepRecorder
from analyzer.tracing.written_tensors import WrittenTensors
from analyzer.values.errors import Problem
from analyzer.values.estimates import TrainingFootprint
from analyzer.values.recorded_steps import StepTrace

STATES: Final = {"sgd": 0, "sgd-momentum": 1, "adam": 2, "adamw": 2}
"""Tensors that an optimizer keeps of each parameter's size, in its data type."""
STEP_BYTES: Final = {"adam": 4, "adamw": 4}
"""And a float32 scalar, the number of steps."""
ASSUMPTIONS: Final = (
    "in training mode, all that requires a gradient is trained, the loss is a sum over the outputs",
    "all gradients are counted beside all saved activations, while a step lets go of these as those come: the peak is "
    "about that, and what kernels take meanwhile comes on top",
    "attention and recurrent layers may save otherwise on another device",
)


class NoTrainingStep(Exception):
    """Raised where a step in training mode cannot be followed although the forward in the model's own mode can."""


@dataclass(frozen=True)
class FollowedStep:
    """One training step: what it holds, and what it runs."""

    footprint: TrainingFootprint
    step: StepTrace


def follow_step(loaded: LoadedModel, optimizer: str, mode: str = META.mode, candidate: int = 0) -> FollowedStep:
    """A forward in training mode and its backward on the backend of that mode; the model has no wrappers.

    Problem for an unknown optimizer, NoTrainingStep where the forward in training mode has no backward there.
    """
    if optimizer not in STATES:
        raise Problem(f"there is no optimizer {optimizer!r}; known are {', '.join(STATES)}")
    backend = next(backend for backend in BACKENDS if backend.mode == mode)
    with ready_to_run(loaded) as state, backend.module(loaded) as module, ExitStack() as entered:
        for context in (in_mode(module, training=True), _without_gradients_left(module), sdpa_kernel(SDPBackend.MATH)):
            entered.enter_context(context)
        return _followed(loaded, optimizer, backend, loaded.candidates[candidate], module, state)


def _followed(
    loaded: LoadedModel, optimizer: str, backend: Backend, inputs: Inputs, module: nn.Module, state: PythonState
) -> FollowedStep:
    torch.manual_seed(0)
    random.seed(0)
    args, kwargs = (map_leaves(given, lambda leaf: backend.make_input(leaf, module)) for given in _given(inputs))
    settle(module, args, kwargs)
    written = WrittenTensors(tensors_in((module, args, kwargs)))
    recorder = StepRecorder(
        ModuleStack(module, loaded.module), names_of(module), written.following(backend.run), backend is REAL
    )
    device = meant_device(loaded, inputs)
    recorder.on_cpu = device.type == "cpu"
    forward = Forward(module, args, kwargs, recorder, device if backend is META else None, state.generators)
    saved = SavedMemory([*module.parameters(), *module.buffers(), *_tensors(args, kwargs)])
    try:
        with written.given_back(), saved.hooks():
            output = forward.step(lambda output: _differentiate(output, recorder, saved))
        step = StepTrace(recorded(loaded, backend, inputs, [], forward, output), tuple(recorder.places))
    except Exception as error:
        raise NoTrainingStep(f"the step fails on {backend.mode} tensors: {error}") from error
    footprint = _footprint(optimizer, module, saved.nbytes, sum(map(_nbytes, _tensors(args, kwargs))))
    return FollowedStep(footprint, step)


def _given(inputs: Inputs) -> tuple[Any, Any]:
    return tuple(inputs.args), dict(inputs.kwargs)


def _tensors(args: Any, kwargs: Any) -> list[torch.Tensor]:
    return [leaf for _, leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]


def _footprint(optimizer: str, module: nn.Module, activations: int, inputs: int) -> TrainingFootprint:
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    gradients = sum(_nbytes(parameter) for parameter in trained)
    return TrainingFootprint(
        optimizer=optimizer,
        weights=sum(_nbytes(tensor) for tensor in (*module.parameters(), *module.buffers())),
        gradients=gradients,
        states=STATES[optimizer] * gradients + STEP_BYTES.get(optimizer, 0) * len(trained),
        activations=activations,
        inputs=inputs,
        assumptions=ASSUMPTIONS,
    )


class SavedMemory:
    """What a forward saves for its backward, each piece of memory once, that of the `known` tensors not among it."""

    def __init__(self, known: Iterable[torch.Tensor]) -> None:
        self._known = {_memory(tensor) for tensor in known}
        self._held: dict[int, torch.UntypedStorage] = {}
        self._is_open = True
        self.nbytes = 0

    def hooks(self) -> AbstractContextManager[Any]:
        """While the block runs, what is saved is kept."""
        return torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor)

    def _keep(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if self._is_open and storage._cdata not in self._known:
            self._held[storage._cdata] = storage
        return tensor

    def let_go(self) -> None:
        """Count what was saved so far; what comes later is not counted."""
        self.nbytes = sum(storage.nbytes() for storage in self._held.values())
        self._held.clear()
        self._is_open = False


def _differentiate(output: Any, recorder: StepRecorder, saved: SavedMemory) -> None:
    """The backward of the sum of all outputs, whose gradient is 1 at every element."""
    saved.let_go()
    results = [leaf for _, leaf in leaves(output) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    if not results:
        raise ValueError("no output depends on a parameter that requires a gradient")
    with recorder.backward():
        torch.autograd.backward(results, [torch.ones_like(result) for result in results])


@contextmanager
def _without_gradients_left(module: nn.Module) -> Iterator[None]:
    """Gradients that the backward puts into parameters are taken away, and those that were there come back."""
    before = [(parameter, parameter.grad) for parameter in module.parameters()]
    for parameter, _ in before:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, gradient in before:
            parameter.grad = gradient


def _nbytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _memory(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
