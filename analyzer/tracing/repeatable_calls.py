"""What a call has just run, put so that it can be written down again for other tensors of the same form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from threading import get_ident
from typing import Any

import torch

from analyzer.tracing.containers import tensors_among
from analyzer.tracing.operator_memo import Call, Given, Repeatable, RepeatedOperator, Result, is_dense
from analyzer.tracing.storages import Storages
from analyzer.values.graph import Argument, Op, Tensor

Ran = tuple[Op, int, tuple[int, ...]]
"""An operator with the thread that ran it, and the numbers of the tensors that it wrote into."""
UNKNOWN = Given(-1)
"""A tensor that a call neither was given nor made."""


def repeatable(call: Call, ran: Sequence[Ran], outputs: Any, storages: Storages, last: int) -> Repeatable | None:
    """What the call is known to run, the operator of index `last` at the end; None where it cannot be repeated."""
    if any(thread != get_ident() for _, thread, _ in ran):
        return None
    description = _Description(call, outputs, storages, last)
    steps = [description.step(op, written) for op, _, written in ran]
    order = description.returned()
    if None in steps or order is None:
        return None
    read = {tensor.number: tensor for op, _, _ in ran for tensor in op.inputs}
    given = tuple(None if number is None else read.get(number) for number in description.given)
    marked = _without_unread([step for step in steps if step is not None], len(call.given), order)
    return Repeatable(marked, order[0] if isinstance(outputs, torch.Tensor) else order, given)


class _Description:
    """The tensors of a call by their places: what it was given comes first, then what it made."""

    def __init__(self, call: Call, outputs: Any, storages: Storages, last: int) -> None:
        found = [storages.find(tensor) for tensor in call.given]
        self.given = [None if known is None else known.number for known in found]
        self._storages, self._last, self._outputs = storages, last, outputs
        self._places = {known.number: Given(place) for place, known in enumerate(found) if known is not None}
        self._memory = {known.storage: place for place, known in enumerate(found) if known is not None}
        """By storage, the place of the tensor that is first in it."""
        self._tensors = tensors_among(outputs)
        self._alive = {known.number: t for t in self._tensors if (known := storages.find(t)) is not None}
        self._made = len(found)

    def step(self, op: Op, written: Sequence[int]) -> RepeatedOperator | None:
        """One operator, with places for tensors; None where that cannot be told."""
        results = [self._places.get(tensor.number) or self._new_result(tensor) for tensor in op.outputs]
        arguments = {name: self._with_places(value) for name, value in op.arguments.items()}
        for tensor in op.outputs:
            if tensor.number not in self._places:
                self._places[tensor.number] = Given(self._made)
                self._memory.setdefault(tensor.storage, self._made)
                self._made += 1
        into = [self._places.get(number, UNKNOWN) for number in written]
        if None in results or UNKNOWN in (*arguments.values(), *into) or not _keeps_forms(op):
            return None
        places = tuple(place.place for place in into)
        return RepeatedOperator(op.name, arguments, op.tags, tuple(filter(None, results)), places)

    def returned(self) -> tuple[int, ...] | None:
        """The places of what the call returned, a tensor or a tuple of different ones; else None."""
        order = tuple(self._places[number].place for number in self._alive if number in self._places)
        is_known = len(order) == len(self._alive) == len(self._tensors)
        if isinstance(self._outputs, torch.Tensor):
            return order if is_known and len(order) == 1 else None
        return order if is_known and type(self._outputs) is tuple and len(order) == len(self._outputs) else None

    def _new_result(self, described: Tensor) -> Result | None:
        """What an operator made, None where it can't be made again.

        A tensor that the call does not return is made again as one of no elements: only its memory is followed.
        """
        shares, allocation = self._memory.get(described.storage), self._storages.allocation(described.storage)
        tensor = self._alive.get(described.number)
        if described.nnz is not None:
            return None
        if tensor is None and shares is not None:
            return Result(described, None, shares)
        is_whole = allocation is not None and allocation.nbytes == described.nbytes
        if not is_whole or allocation is None or (shares is not None and shares < len(self.given)):
            return None
        if tensor is None:
            return Result(described, None) if allocation.freed in (None, self._last) else None
        is_plain = type(tensor) is torch.Tensor and tensor.is_meta and is_dense(tensor) and not tensor.storage_offset()
        return Result(described, (tensor.stride(), tensor.dtype), shares) if is_plain else None

    def _with_places(self, value: Argument) -> Any:
        if isinstance(value, Tensor):
            return self._places.get(value.number, UNKNOWN)
        if not isinstance(value, tuple):
            return value
        items = tuple([self._with_places(item) for item in value])
        return UNKNOWN if UNKNOWN in items else items


def _keeps_forms(op: Op) -> bool:
    """Whether what the operator writes into has the shape and layout that it had."""
    before = {tensor.number: (tensor, tensor.channels_last) for tensor in op.inputs}
    after = ((tensor.number, (tensor, tensor.channels_last)) for tensor in op.outputs)
    return all(before.get(number, told) == told for number, told in after)


def _without_unread(
    steps: Sequence[RepeatedOperator], given: int, returned: Sequence[int]
) -> tuple[RepeatedOperator, ...]:
    """The steps, with results marked that neither they nor the caller read, nor anything in their memory."""
    read = {*returned}
    for step in steps:
        shared = (result.shares for result in step.results if isinstance(result, Result) and result.shares is not None)
        read.update(step.reads, step.written, shared)
    numbers = count(given)
    return tuple(replace(step, results=tuple(_marked(r, numbers, read) for r in step.results)) for step in steps)


def _marked(result: Result | Given, numbers: count[int], read: set[int]) -> Result | Given:
    if isinstance(result, Given):
        return result
    is_read = next(numbers) in read or result.form is not None or result.shares is not None
    return replace(result, is_read=is_read)
