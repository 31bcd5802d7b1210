"""Call one model several times, with state of an earlier call or with another number of tokens."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, LoadedModel
from analyzer.tracing.backends import REAL, Backend
from analyzer.tracing.containers import Leaf, leaves, map_leaves, named_leaves
from analyzer.tracing.failure import Failure, NeedsValues
from analyzer.tracing.fallbacks import called
from analyzer.tracing.lazy_modules import settle
from analyzer.tracing.python_state import PythonState
from analyzer.tracing.recorded_trace import recorded
from analyzer.tracing.recorder import Recorder
from analyzer.tracing.resizing import resized
from analyzer.tracing.state_tensors import asked_for_state, empty_caches, held_tensors, left_in_modules
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace

PICTURE = 4
"""Axes of (batch, channels, height, width)."""


@dataclass(frozen=True)
class SequenceAxis:
    """Where the sequence lies: its length, the place of its axis in each input that has it, and the batch."""

    length: int
    places: Mapping[str, int]
    batch: int
    batch_place: int | None


@dataclass(frozen=True)
class RecordedCall:
    """One recorded call: its trace, what it returned, the recorder that knows the tensors, what modules now hold."""

    trace: Trace
    output: Any
    recorder: Recorder
    left: Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Session:
    """One model on one backend, of which calls are followed."""

    loaded: LoadedModel
    backend: Backend
    inputs: Inputs
    python: PythonState
    provides: bool = False
    """Whether calls are given an empty cache, where the model returns none that it made itself."""

    @contextmanager
    def module(self) -> Iterator[nn.Module]:
        """A fresh module, in which state stays from call to call; all else is given back afterwards."""
        torch.manual_seed(0)
        random.seed(0)
        try:
            with self.backend.module(self.loaded) as module:
                yield module
        finally:
            self.python.give_back()

    def call(self, module: nn.Module, inputs: Inputs, given: Mapping[str, Any] | None = None) -> RecordedCall:
        """Calls the module with state asked for, and with that of an earlier call where it is `given`.

        Failure where it raises, or asks for values that are not there.
        """
        whole = (tuple(inputs.args), asked_for_state(module, inputs.kwargs))
        args, kwargs = map_leaves(whole, lambda leaf: self.backend.make_input(leaf, module))
        held = {**(empty_caches(module, kwargs) if self.provides else {}), **(given or {})}
        placed = dict(zip(inspect.signature(module.forward).parameters, args, strict=False))
        args = tuple(held.get(name, value) for name, value in placed.items()) + args[len(placed) :]
        kwargs = {**kwargs, **{name: value for name, value in held.items() if name not in placed}}
        settle(module, args, kwargs)
        before = held_tensors(module)
        try:
            forward, output = called(self.loaded, self.backend, self.inputs, module, args, kwargs, self.python)
        except Problem as problem:
            raise Failure(self.backend.mode, inputs, problem, None) from problem
        if self.provides and isinstance(output, Mapping):
            output = {**held, **output}  # a cache is written to, whether or not it is returned
        trace = recorded(self.loaded, self.backend, self.inputs, [], forward, output)
        for what, path in forward.recorder.doubts if self.backend is not REAL else ():
            raise Failure(self.backend.mode, inputs, NeedsValues(what), (path, ()))
        return RecordedCall(trace, output, forward.recorder, left_in_modules(before, module, trace))

    def resized(self, axis: SequenceAxis, tokens: int, mask: int | None = None, batch: int | None = None) -> Inputs:
        """The example's inputs with another number of tokens, or of sequences; masks cover `mask` tokens."""
        shapes = {}
        for name, leaf in self.leaves():
            shape = list(leaf.shape)
            if name in axis.places:
                shape[axis.places[name]] = mask if mask is not None and "mask" in name else tokens
            place = axis.batch_place
            if batch is not None and place is not None and len(shape) > place and shape[place] == axis.batch:
                shape[place] = batch
            shapes[name] = tuple(shape)
        return resized(self.loaded.module, self.inputs, shapes)

    def further(self, module: nn.Module, axis: SequenceAxis) -> Iterator[Inputs]:
        """The inputs of one more token: first those of the sequence alone, as pictures are given once; then all."""
        inputs = self.resized(axis, 1, mask=axis.length + 1)
        parameters = inspect.signature(module.forward).parameters
        others = {
            name
            for name, value in inputs.kwargs.items()
            if name in parameters and parameters[name].default is not inspect.Parameter.empty
            if any(True for _ in leaves(value)) and name not in axis.places
        }
        if others:
            yield replace(inputs, kwargs={name: value for name, value in inputs.kwargs.items() if name not in others})
        yield inputs

    def leaves(self) -> list[tuple[str, Leaf]]:
        """The example's tensors by name."""
        return list(named_leaves(self.loaded.module, self.inputs.args, self.inputs.kwargs))


def sequence_axes(leaves: Sequence[tuple[str, Leaf]]) -> Iterator[SequenceAxis]:
    """Where the sequence may lie, the likeliest place first; nothing where no input has several tokens.

    Of a decoder's inputs the decoder's, then token ids, (batch, tokens), then signals, (batch, tokens, features) or
    (tokens, batch, features), or of pictures; integers in a row, (tokens), are positions. A single picture has none.
    """
    tensors = [(name, leaf) for name, leaf in leaves if leaf.shape]
    decoding = [(name, leaf) for name, leaf in tensors if "decoder" in name] or tensors
    whole = [(name, leaf) for name, leaf in decoding if _is_whole(leaf)]
    for _, leaf in (whole or decoding)[:1]:
        rank = len(leaf.shape)
        alone = rank == 1 or (rank == 2 and not whole)
        for place in () if rank == PICTURE else (0,) if alone else (1,) if whole else (1, 0):
            length, batch_place = leaf.shape[place], None if alone else 1 - place
            if length > 1:
                batch = 1 if batch_place is None else leaf.shape[batch_place]
                yield SequenceAxis(length, _places(decoding, place, length), batch, batch_place)


def _places(leaves: Sequence[tuple[str, Leaf]], place: int, length: int) -> dict[str, int]:
    """The axis in each input that is as long there, and in integers in a row of that length."""
    rows = {name: 0 for name, leaf in leaves if tuple(leaf.shape) == (length,) and _is_whole(leaf)}
    return rows | {name: place for name, leaf in leaves if len(leaf.shape) > place and leaf.shape[place] == length}


def _is_whole(leaf: Leaf) -> bool:
    return "int" in str(leaf.dtype)
