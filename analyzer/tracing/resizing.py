"""Trace a model once more, with inputs of other sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.loading.wrappers import unwrapped
from analyzer.tracing.backends import BACKENDS
from analyzer.tracing.collector import collector_spared
from analyzer.tracing.containers import Leaf, leaves, map_leaves, named_leaves
from analyzer.tracing.fallbacks import ready_to_run, trace_within
from analyzer.tracing.operator_memo import OperatorMemo
from analyzer.values.graph import Trace

Shape = tuple[int, ...]


@contextmanager
def retracing(loaded: LoadedModel, example: Trace) -> Iterator[Callable[[Mapping[str, Shape]], Trace]]:
    """Traces the model with inputs of other shapes by name, on the backend that carried the example.

    What it gives raises Problem where the forward fails.
    """
    inner = unwrapped(loaded)
    inputs = inner.candidates[example.candidate]
    backends = [backend for backend in BACKENDS if backend.mode == example.mode]
    memo = OperatorMemo()
    with ready_to_run(inner) as state, collector_spared():
        yield lambda shapes: trace_within(
            replace(inner, candidates=(resized(inner.module, inputs, shapes),)), state, backends, known=memo
        )


def named_axes(loaded: LoadedModel, example: Trace) -> dict[str, tuple[str, ...]]:
    """What the user calls the sizes of the inputs of a trace, "" for those without a name; no input without any."""
    inner = unwrapped(loaded)
    inputs = inner.candidates[example.candidate]
    if not any(isinstance(leaf, InputSpec) and leaf.axes for _, leaf in leaves((inputs.args, inputs.kwargs))):
        return {}  # a scripted module would keep the forward that it is asked for
    named = named_leaves(inner.module, inputs.args, inputs.kwargs)
    return {name: leaf.axes for name, leaf in named if isinstance(leaf, InputSpec) and leaf.axes}


def resized(module: nn.Module, inputs: Inputs, shapes: Mapping[str, Shape]) -> Inputs:
    """The same arguments with tensors of other shapes; inputs that are not named stay as they were."""
    named = {id(leaf): name for name, leaf in named_leaves(module, inputs.args, inputs.kwargs)}

    def change(leaf: Leaf) -> Any:
        shape = shapes.get(named.get(id(leaf), ""))
        if shape is None:
            return leaf
        spec = InputSpec.of(leaf) if isinstance(leaf, torch.Tensor) else leaf
        return replace(spec, shape=shape)

    args, kwargs = map_leaves((tuple(inputs.args), dict(inputs.kwargs)), change)
    return Inputs(args, kwargs)
