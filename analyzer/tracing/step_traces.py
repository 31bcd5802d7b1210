"""Follow a prefill and one more token of a model, and what it keeps between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, LoadedModel
from analyzer.loading.wrappers import unwrapped
from analyzer.tracing.backends import BACKENDS, REAL, Backend
from analyzer.tracing.collector import collector_spared
from analyzer.tracing.containers import map_leaves
from analyzer.tracing.failure import Failure
from analyzer.tracing.fallbacks import ready_to_run
from analyzer.tracing.other_lengths import Lengths, kept_of, single_token, with_lengths
from analyzer.tracing.state_growth import Sizes, kept_rows, memory_behind, sizes_of, state_of
from analyzer.tracing.state_tensors import Way, empty_caches, held_tensors, left_out, named_tensors, taken, ways_back
from analyzer.tracing.stepping import RecordedCall, SequenceAxis, Session, sequence_axes
from analyzer.values.errors import first_line
from analyzer.values.graph import Trace, distinct_parameters
from analyzer.values.recorded_steps import StepTraces

MOST_REAL: Final = 2**28
"""Parameters of a model that is run for real for its steps alone."""
NO_SEQUENCE: Final = "no input has a sequence of several tokens"
NO_STATE: Final = "no forward returns a tensor that a later call takes, and no module keeps one"
NOT_PREFILLED: Final = "the forward fails where it is asked for its state"
NOT_ACCEPTED: Final = "a call with one more token and what the forward returned fails"


@dataclass(frozen=True)
class FurtherToken:
    """One more token: how the state was given to it, and what it left of the state."""

    way: Way
    axis: SequenceAxis
    decode: Trace | None = None
    after: Sizes = field(default_factory=dict)
    reason: str = ""


class NotAccepted(Exception):
    """Raised where a call with given state passes, but the state was not read, or has another form afterwards."""


def step_traces(loaded: LoadedModel, example: Trace) -> StepTraces:
    """A prefill with the example's inputs, one more token, and the state between them.

    What cannot be followed is None, with the reason. Where a step lacks values on the backend that carried the example,
    the next one is asked.
    """
    inner = replace(unwrapped(loaded), owned=False)  # so that a copy is called, which keeps what a forward leaves in it
    inputs = inner.candidates[example.candidate]
    tried: list[StepTraces] = []
    reason = ""
    with ready_to_run(inner) as python, collector_spared():
        for backend in _backends(example):
            try:
                tried.append(_followed(Session(inner, backend, inputs, python)))
            except Failure as failure:
                reason = f"{NOT_PREFILLED}: {first_line(str(failure))}"
                continue
            if tried[-1].decode or not tried[-1].state:
                break
    followed = [traces for traces in tried if traces.decode]
    return (*followed, *tried, StepTraces(1, 1, example, reason=reason))[0]


def _backends(example: Trace) -> list[Backend]:
    """From the one that carried the example on; only small models are run for real for their steps alone."""
    modes = [backend.mode for backend in BACKENDS]
    weights = sum(parameter.numel for parameter in distinct_parameters(example.parameters))
    later = BACKENDS[modes.index(example.mode) :]
    return [backend for backend in later if backend is not REAL or example.mode == REAL.mode or weights <= MOST_REAL]


def _followed(session: Session) -> StepTraces:
    axes = list(sequence_axes(session.leaves()))
    with session.module() as module:
        prefill = session.call(module, session.inputs)
        if not axes:
            return StepTraces(1, 1, prefill.trace, reason=NO_SEQUENCE)
        tokens, batch = axes[0].length, axes[0].batch
        ways = ways_back(module, session.inputs.args, session.inputs.kwargs, prefill.output)
        if not ways and not session.provides and empty_caches(module, session.inputs.kwargs):
            return _followed(replace(session, provides=True))
        ways = ways or ([{}] if prefill.left else [])
        if not ways:
            single = single_token(session, axes[0], {})
            return StepTraces(tokens, batch, prefill.trace, token=single.trace, reason=NO_STATE)
        step = _step(session, module, prefill, [(way, axis) for axis in axes for way in ways])
        is_named = isinstance(prefill.output, Mapping) or step.decode is not None
        kept = kept_of(prefill.output, step.way, prefill.left) if is_named else {}
        memory = memory_behind(kept)
        rows = kept_rows(prefill.trace, prefill.recorder, kept, step.after)
    single, length, batch = single_token(session, step.axis, step.way), step.axis.length, step.axis.batch
    if not rows:
        return StepTraces(length, batch, prefill.trace, token=single.trace, reason=step.reason)
    if step.decode:
        operators = len(prefill.trace.graph)
        rows, sizes = with_lengths(Lengths(session, step.axis, step.way, operators, single), rows)
    else:
        sizes = {}
    state = state_of(rows, memory, {length: {row.path: row.nbytes for row in rows}, **sizes})
    return StepTraces(length, batch, prefill.trace, step.decode, single.trace, state, step.reason)


def _step(
    session: Session, module: nn.Module, prefill: RecordedCall, tries: Sequence[tuple[Way, SequenceAxis]]
) -> FurtherToken:
    """The first way to give the state back that works; else the first one, with the reason why it does not."""
    reason = ""
    for way, axis in tries:
        for inputs in session.further(module, axis):
            try:
                return _decoded(session, module, prefill, FurtherToken(way, axis), inputs)
            except (Failure, NotAccepted) as error:
                reason = reason or f"{NOT_ACCEPTED}: {first_line(str(error))}"
            if prefill.left:  # which that call may have changed
                return FurtherToken(*tries[0], reason=reason)
    return FurtherToken(*tries[0], reason=reason)


def _decoded(
    session: Session, module: nn.Module, prefill: RecordedCall, step: FurtherToken, inputs: Inputs
) -> FurtherToken:
    """One more token for every sequence, given a copy of the state that shares its tensors."""
    given = map_leaves(taken(prefill.output, step.way), lambda tensor: tensor)
    before = {**dict(named_tensors(given)), **prefill.left}
    call = session.call(module, inputs, {**given, **_encoded(session, module, prefill.output)})
    held = held_tensors(module)
    after = kept_of(call.output, step.way, {path: held[path] for path in prefill.left if path in held})
    if not _is_read(call, before.values()):
        raise NotAccepted("the call does not read it")
    if before.keys() != after.keys() or any(not _grew(before[path], after[path]) for path in before):
        raise NotAccepted("what it returns then has another form")
    return replace(step, decode=call.trace, after=sizes_of(after))


def _encoded(session: Session, module: nn.Module, output: Any) -> dict[str, Any]:
    """What an encoder gave, for a decoder that takes it in place of the encoder's inputs."""
    name = "encoder_last_hidden_state"
    is_taken = "encoder_outputs" in left_out(module, session.inputs.args, session.inputs.kwargs)
    return {"encoder_outputs": (output[name],)} if is_taken and isinstance(output, Mapping) and name in output else {}


def _is_read(call: RecordedCall, tensors: Any) -> bool:
    memory = {tensor.storage for tensor in call.recorder.tensors_in(list(tensors))}
    return any(tensor.storage in memory for op in call.trace.graph for tensor in op.inputs)


def _grew(before: torch.Tensor, after: torch.Tensor) -> bool:
    """Whether a tensor is as it was, or longer on one axis."""
    if before.dim() != after.dim() or before.dtype != after.dtype:
        return False
    changes = [new - old for old, new in zip(before.shape, after.shape, strict=True) if new != old]
    return not changes or (len(changes) == 1 and changes[0] > 0)
