"""What the call of a forward left with its recorder, as a trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, LoadedModel, dtype_name
from analyzer.tracing.backends import Backend
from analyzer.tracing.containers import leaves, named_leaves
from analyzer.tracing.failure import Failure
from analyzer.tracing.forward import Forward
from analyzer.tracing.unlisted_weights import unlisted_weights
from analyzer.values.counts import Input
from analyzer.values.graph import Parameter, Trace


def recorded(
    loaded: LoadedModel, backend: Backend, inputs: Inputs, earlier: list[Failure], forward: Forward, output: Any
) -> Trace:
    """What the call of a forward left with its recorder, and why no earlier backend could run it."""
    module, recorder, stack = forward.module, forward.recorder, forward.recorder.stack
    given = {id(leaf) for _, leaf in leaves((forward.args, forward.kwargs))}
    unlisted = unlisted_weights(module, [x for x in recorder.unknown if id(x) not in given])
    return Trace(
        graph=recorder.graph,
        modules=stack.summary(),
        parameters=_parameters(stack.modules),
        inputs=_describe_inputs(module, forward.args, forward.kwargs),
        mode=backend.mode,
        reason=next((f.why for f in reversed(earlier) if f.inputs is inputs), ""),
        allocations=recorder.allocations_beside(output),
        outputs=recorder.tensors_in(output),
        assumptions=(*filter(None, [inputs.assumption]), *forward.assumptions, *unlisted),
        candidate=next(place for place, candidate in enumerate(loaded.candidates) if candidate is inputs),
        gaps=recorder.gaps,
    )


def _parameters(modules: Mapping[str, nn.Module]) -> tuple[Parameter, ...]:
    """Parameters and buffers under the first path of their module; those that share memory share their identity."""
    rows: list[Parameter] = []
    identities: dict[Any, int] = {}
    for path, child in modules.items():
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
    dtype = dtype_name(tensor.dtype)
    size = tensor.element_size()
    return Parameter(name, owner, tuple(tensor.shape), dtype, size, identity, tensor.requires_grad, is_buffer)


def _describe_inputs(module: nn.Module, args: Any, kwargs: Any) -> tuple[Input, ...]:
    rows = named_leaves(module, args, kwargs)
    return tuple(Input(name, tuple(leaf.shape), dtype_name(leaf.dtype)) for name, leaf in rows)
