"""What one training step holds in memory: a forward in training mode and its backward, on meta tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from analyzer.loading.loaded_model import Inputs, LoadedModel
from analyzer.tracing.backends import META, run_on_meta
from analyzer.tracing.containers import leaves, map_leaves
from analyzer.tracing.left_as_found import left_as_found
from analyzer.values.errors import Problem
from analyzer.values.estimates import TrainingFootprint

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


class OnMeta(TorchDispatchMode):
    """Operators on meta tensors, real ones that meet them included."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run_on_meta(func, args, kwargs or {})


def training_footprint(loaded: LoadedModel, optimizer: str, candidate: int = 0) -> TrainingFootprint:
    """Bytes of a step with this optimizer.

    Problem for an unknown one, NoTrainingStep where the forward in training mode has no backward on meta tensors.
    """
    if optimizer not in STATES:
        raise Problem(f"there is no optimizer {optimizer!r}; known are {', '.join(STATES)}")
    with left_as_found(loaded), META.module(loaded) as module, _in_training_mode(module):
        saved = _saved_bytes(module, loaded.candidates[candidate])
        trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        gradients = sum(_nbytes(parameter) for parameter in trained)
        return TrainingFootprint(
            optimizer=optimizer,
            weights=sum(_nbytes(tensor) for tensor in (*module.parameters(), *module.buffers())),
            gradients=gradients,
            states=STATES[optimizer] * gradients + STEP_BYTES.get(optimizer, 0) * len(trained),
            activations=saved,
            inputs=sum(_nbytes(leaf) for leaf in _inputs(loaded, module, candidate)),
            assumptions=ASSUMPTIONS,
        )


def _saved_bytes(module: nn.Module, inputs: Inputs) -> int:
    """What the forward saves for its backward, run to see that there is one."""
    args, kwargs = _made(inputs, module)
    known = {_memory(tensor) for tensor in (*module.parameters(), *module.buffers())}
    known |= {_memory(leaf) for _, leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
    held: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in known:
            held[storage._cdata] = storage
        return tensor

    try:
        with OnMeta(), torch.enable_grad():  # type: ignore[no-untyped-call]
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                output = module(*args, **kwargs)
            return _backward(output, held)
    except Exception as error:
        raise NoTrainingStep(f"the step fails on meta tensors: {error}") from error


def _backward(output: Any, held: dict[int, torch.UntypedStorage]) -> int:
    results = [leaf for _, leaf in leaves(output) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    if not results:
        raise ValueError("no output depends on a parameter that requires a gradient")
    total = sum(storage.nbytes() for storage in held.values())
    held.clear()
    torch.autograd.grad([result.sum() for result in results], _leaves_of(results), allow_unused=True)
    return total


def _leaves_of(results: list[torch.Tensor]) -> list[torch.Tensor]:
    """The tensors at the end of the graph, so that no gradient is put into them."""
    seen: set[Any] = set()
    ends: list[torch.Tensor] = []
    todo = [result.grad_fn for result in results]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            ends.append(node.variable)
        todo += [following for following, _ in node.next_functions]
    return ends


def _inputs(loaded: LoadedModel, module: nn.Module, candidate: int) -> Iterator[torch.Tensor]:
    made = _made(loaded.candidates[candidate], module)
    return (leaf for _, leaf in leaves(made) if isinstance(leaf, torch.Tensor))


def _made(inputs: Inputs, module: nn.Module) -> tuple[Any, Any]:
    args = map_leaves(tuple(inputs.args), lambda leaf: META.make_input(leaf, module))
    return args, map_leaves(dict(inputs.kwargs), lambda leaf: META.make_input(leaf, module))


@contextmanager
def _in_training_mode(module: nn.Module) -> Iterator[None]:
    """Modes are afterwards as before, and so are buffers with values, such as a count of batches."""
    modes = {child: child.training for child in module.modules()}
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers() if not buffer.is_meta]
    module.train()
    try:
        yield
    finally:
        for buffer, before in buffers:
            buffer.copy_(before)
        for child, mode in modes.items():
            child.training = mode


def _nbytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _memory(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
