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


class KeptCall:
    """A call that has run, the operator of index `last` at its end; it is taken apart when it is met again.

    Its tensors have places: what it was given comes first, then what it made.
    """

    def __init__(self, call: Call, ran: Sequence[Ran], outputs: Any, storages: Storages, last: int) -> None:
        found = [storages.find(tensor) for tensor in call.given]
        self.given = [None if known is None else known.number for known in found]
        self._ran, self._storages, self._last, self._thread = ran, storages, last, get_ident()
        self._places = {known.number: Given(place) for place, known in enumerate(found) if known is not None}
        self._memory = {known.storage: place for place, known in enumerate(found) if known is not None}
        """By storage, the place of the tensor that is first in it."""
        returned = tensors_among(outputs)
        self._returned = len(returned)
        self._forms = {known.number: _form(t) for t in returned if (known := storages.find(t)) is not None}
        """By number, what is needed to make a returned tensor again; None where it cannot be."""
        self._is_single = isinstance(outputs, torch.Tensor)
        self._is_listed = self._is_single or (type(outputs) is tuple and len(outputs) == self._returned)
        self._made = len(found)

    def repeatable(self) -> Repeatable | None:
        """What the call is known to run; None where it cannot be repeated."""
        if any(thread != self._thread for _, thread, _ in self._ran):
            return None
        steps = [self._step(op, written) for op, _, written in self._ran]
        order = tuple(self._places[number].place for number in self._forms if number in self._places)
        if None in steps or not self._is_listed or not len(order) == len(self._forms) == self._returned:
            return None
        read = {tensor.number: tensor for op, _, _ in self._ran for tensor in op.inputs}
        given = tuple(None if number is None else read.get(number) for number in self.given)
        marked = _without_unread([step for step in steps if step is not None], len(given), order)
        return Repeatable(marked, order[0] if self._is_single else order, given)

    def _step(self, op: Op, written: Sequence[int]) -> RepeatedOperator | None:
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

    def _new_result(self, described: Tensor) -> Result | None:
        """What an operator made, None where it can't be made again.

        A tensor that the call does not return is made again as one of no elements: only its memory is followed.
        """
        shares, allocation = self._memory.get(described.storage), self._storages.allocation(described.storage)
        is_returned = described.number in self._forms
        if described.nnz is not None:
            return None
        if not is_returned and shares is not None:
            return Result(described, None, shares)
        is_whole = allocation is not None and allocation.nbytes == described.nbytes
        if not is_whole or allocation is None or (shares is not None and shares < len(self.given)):
            return None
        if not is_returned:
            return Result(described, None) if allocation.freed in (None, self._last) else None
        form = self._forms[described.number]
        return None if form is None else Result(described, form, shares)

    def _with_places(self, value: Argument) -> Any:
        if isinstance(value, Tensor):
            return self._places.get(value.number, UNKNOWN)
        if not isinstance(value, tuple):
            return value
        items = tuple([self._with_places(item) for item in value])
        return UNKNOWN if UNKNOWN in items else items


def _form(tensor: torch.Tensor) -> tuple[tuple[int, ...], torch.dtype] | None:
    is_plain = type(tensor) is torch.Tensor and tensor.is_meta and is_dense(tensor) and not tensor.storage_offset()
    return (tensor.stride(), tensor.dtype) if is_plain else None


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
