"""A recorder that carries out no operator on tensors without values twice: what it does is written down again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import get_ident
from typing import Any

import torch

from analyzer.tracing.containers import tensors_among
from analyzer.tracing.operator_memo import (
    Call,
    Given,
    OperatorMemo,
    Repeatable,
    RepeatedOperator,
    Result,
    call_of,
    is_dense,
)
from analyzer.tracing.ownership import ModuleStack
from analyzer.tracing.recorder import Recorder, Run
from analyzer.values.graph import Argument, Op, Tensor


class RepeatingRecorder(Recorder):
    """Keeps in a memo what calls of operators do; repeats from it what is known, where it may."""

    def __init__(
        self, stack: ModuleStack, weights: Mapping[int, str], run: Run, memo: OperatorMemo, repeats: bool
    ) -> None:
        self._memo = memo
        self._repeats = repeats
        super().__init__(stack, weights, run, has_values=False)

    def restart(self) -> None:
        """Forget what was recorded; the memo stays."""
        super().restart()
        self._log: list[tuple[Op, int | None]] = []
        """Each operator with the thread that ran it; without, where it wrote to what it was given."""

    def _outputs(self, func: Any, args: Any, kwargs: Any) -> Any:
        call = call_of(func, args, kwargs)
        if call is None:
            return self._carried_out(func, args, kwargs)
        known = self._memo.get(call) if self._repeats else None
        if known is not None:
            with self._lock:
                return self._repeated(known, call)
        before = len(self._log)
        outputs = self._carried_out(func, args, kwargs)
        if not self._memo.has_met(call):
            with self._lock:
                self._memo.put(call, self._repeatable(call, before, outputs))
        return outputs

    def _put(
        self, op: Op, producers: list[Op], results: list[torch.Tensor], changed: Sequence[torch.Tensor] = ()
    ) -> None:
        super()._put(op, producers, results, changed)
        self._log.append((op, None if changed else get_ident()))

    def _repeatable(self, call: Call, before: int, outputs: Any) -> Repeatable | None:
        """What a call has just run, after so many operators before it; None where it cannot be repeated."""
        ran = [op for op, thread in self._log[before:] if thread == get_ident()]
        found = [self._storages.find(tensor) for tensor in call.given]
        places = {known.number: Given(place) for place, known in enumerate(found) if known is not None}
        memory = {known.storage: place for place, known in enumerate(found) if known is not None}
        returned = [(self._storages.find(tensor), tensor) for tensor in tensors_among(outputs)]
        alive = {known.number: tensor for known, tensor in returned if known is not None}
        steps, made = list[RepeatedOperator](), len(call.given)
        for op in ran:
            results = [
                self._new_result(tensor, alive.get(tensor.number), memory, len(call.given)) for tensor in op.outputs
            ]
            arguments = {name: _with_places(value, places) for name, value in op.arguments.items()}
            if None in results or UNKNOWN in arguments.values():
                return None
            steps.append(
                RepeatedOperator(op.name, arguments, op.tags, tuple(result for result in results if result is not None))
            )
            for tensor in op.outputs:
                places.setdefault(tensor.number, Given(made))
                memory.setdefault(tensor.storage, made)
                made += 1
        if len(ran) != len(self._log) - before or len(alive) != len(tensors_among(outputs)):
            return None
        order = tuple(places[number].place for number in alive if number in places)
        if isinstance(outputs, torch.Tensor) and len(order) == 1:
            return Repeatable(tuple(steps), order[0])
        return Repeatable(tuple(steps), order) if type(outputs) is tuple and len(order) == len(outputs) else None

    def _new_result(
        self, described: Tensor, tensor: torch.Tensor | None, memory: Mapping[int, int], given: int
    ) -> Result | None:
        """What an operator made, None where it can't be made again; `memory` tells by storage who lies there first.

        A tensor that the call does not return is made again as one of no elements: only its memory is followed.
        """
        shares, allocation = memory.get(described.storage), self._storages.allocation(described.storage)
        if described.nnz is not None:
            return None
        if tensor is None and shares is not None:
            return Result(described, None, shares)
        is_whole = allocation is not None and allocation.nbytes == described.nbytes
        if not is_whole or allocation is None or (shares is not None and shares < given):
            return None
        if tensor is None:
            return Result(described, None) if allocation.freed in (None, len(self._log) - 1) else None
        is_plain = type(tensor) is torch.Tensor and tensor.is_meta and is_dense(tensor) and not tensor.storage_offset()
        return Result(described, (tensor.stride(), tensor.dtype), shares) if is_plain else None

    def _repeated(self, known: Repeatable, call: Call) -> Any:
        """The same as when the call was carried out, on what it is given now."""
        tensors, made = list(call.given), list[Tensor]()
        for step in known.steps:
            self._repeat(step, tensors, made)
        if isinstance(known.returned, int):
            return tensors[known.returned]
        return tuple([tensors[place] for place in known.returned])

    def _repeat(self, step: RepeatedOperator, tensors: list[torch.Tensor], made: list[Tensor]) -> None:
        """One operator again; what it makes is added to the tensors, and to what describes those that were made."""
        sources: list[torch.Tensor] = []
        bound = {name: self._filled(value, tensors, made, sources) for name, value in step.arguments.items()}
        producers = self._storages.producers(sources)
        results = list(map(_made_again, step.results))
        tensors += results
        for result, tensor in zip(step.results, results, strict=True):
            memory = None if result.shares is None else self._storages.known(tensors[result.shares]).storage
            known = self._storages.add_new(tensor, result.described.nbytes, memory)
            weight = self._storages.weight(known.storage)
            made.append(replace(result.described, storage=known.storage, number=known.number, weight=weight))
        described = tuple(made[len(made) - len(results) :])
        self._put(Op(step.name, bound, described, self.stack.path, step.tags), producers, results)

    def _filled(self, value: Any, tensors: list[torch.Tensor], made: list[Tensor], sources: list[torch.Tensor]) -> Any:
        if isinstance(value, Given):
            tensor, place = tensors[value.place], value.place - len(tensors) + len(made)
            sources.append(tensor)
            return self._describe(tensor) if place < 0 else made[place]
        return tuple([self._filled(v, tensors, made, sources) for v in value]) if isinstance(value, tuple) else value


def _made_again(result: Result) -> torch.Tensor:
    if result.form is None:
        return torch.empty(0, device="meta")
    stride, dtype = result.form
    return torch.empty_strided(result.described.shape, stride, dtype=dtype, device="meta")


UNKNOWN = Given(-1)
"""A tensor that a call neither was given nor made."""


def _with_places(value: Argument, places: Mapping[int, Given]) -> Any:
    if isinstance(value, Tensor):
        return places.get(value.number, UNKNOWN)
    if not isinstance(value, tuple):
        return value
    items = tuple([_with_places(item, places) for item in value])
    return UNKNOWN if UNKNOWN in items else items
