"""A recorder that carries out no operator on tensors without values twice: what it does is written down again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import torch
from torch import nn

from analyzer.tracing.operator_memo import (
    Call,
    Given,
    OperatorMemo,
    Repeatable,
    RepeatedOperator,
    Result,
    call_of,
)
from analyzer.tracing.ownership import HERE, ModuleStack
from analyzer.tracing.recorder import Recorder, Run
from analyzer.tracing.repeatable_calls import KeptCall, Ran
from analyzer.tracing.repeated_layers import answered, call_of_layer, is_followed_by
from analyzer.values.graph import Op, Tensor


class RepeatingRecorder(Recorder):
    """Keeps in a memo what calls of operators and of torch's own layers do, and repeats from it what is known."""

    def __init__(self, stack: ModuleStack, weights: Mapping[int, str], run: Run, memo: OperatorMemo) -> None:
        self._memo = memo
        self._modes = (0, 0)
        self.may_mark_layers = False
        """Whether the module is the analysis's own, and may be marked while it runs."""
        super().__init__(stack, weights, run, has_values=False)

    def restart(self) -> None:
        """Forget what was recorded; the memo stays."""
        super().restart()
        self._log: list[Ran] = []
        self._is_within = False
        """Whether a call runs that is kept as a whole."""

    @contextmanager
    def repeating_layers(self) -> Iterator[None]:
        """While the block runs, calls of torch's own layers are repeated too, where the module is not the user's."""
        if not self.may_mark_layers:
            yield
            return
        self._modes = torch._C._len_torch_dispatch_stack(), torch._C._len_torch_function_stack()
        with answered(self.stack.modules.values(), self._layer_called):
            yield

    def _layer_called(self, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """What a layer of torch's own gives."""
        if len(args) != 1 or kwargs or HERE.stack is not self.stack or not is_followed_by(self._modes):
            return module._call_impl(*args, **kwargs)
        with torch._C.DisableTorchFunction(), torch._C._DisableTorchDispatch():
            call = call_of_layer(module, args[0], self._memo.settings)
            known = None if call is None else self._memo.get(call)
            if call is not None and known is not None:
                return self.stack.ran(module, args, lambda: self._repeated(known, call))
        if call is None or self._memo.has_met(call):
            return module._call_impl(*args)
        return self._kept(call, lambda: module._call_impl(*args))

    def _outputs(self, func: Any, args: Any, kwargs: Any) -> Any:
        call = None if self._is_within else call_of(func, args, kwargs)
        if call is None:
            return self._carried_out(func, args, kwargs)
        known = self._memo.get(call)
        if known is not None:
            return self._repeated(known, call)
        if self._memo.has_met(call):
            return self._carried_out(func, args, kwargs)
        return self._kept(call, lambda: self._carried_out(func, args, kwargs))

    def _kept(self, call: Call, run: Callable[[], Any]) -> Any:
        """What a call gives that is met for the first time; the calls within it are not kept beside it."""
        before, self._is_within = len(self._log), True
        try:
            outputs = run()
        finally:
            self._is_within = False
        with self._lock, torch._C.DisableTorchFunction():
            ran = self._log[before:]
            self._memo.put(call, KeptCall(call, ran, outputs, self._storages, len(self._log) - 1))
        return outputs

    def _put(
        self, op: Op, producers: list[Op], results: list[torch.Tensor], changed: Sequence[torch.Tensor] = ()
    ) -> None:
        super()._put(op, producers, results, changed)
        self._log.append((op, get_ident(), tuple([self._storages.known(tensor).number for tensor in changed])))

    def _repeated(self, known: Repeatable, call: Call) -> Any:
        """The same as when the call was carried out, on what it is given now."""
        tensors: list[Any] = list(call.given)
        described: list[Any] = [None] * len(tensors)
        with self._lock:
            last = len(self._log) + len(known.steps) - 1
            for step in known.steps:
                self._repeat(step, known, tensors, described, last)
        if isinstance(known.returned, int):
            return tensors[known.returned]
        return tuple([tensors[place] for place in known.returned])

    def _repeat(
        self, step: RepeatedOperator, known: Repeatable, tensors: list[Any], described: list[Any], last: int
    ) -> None:
        """One operator again; what it makes is added to the tensors, and to what describes them.

        What is not read again has no tensor: it is let go when the call ends, by the operator of number `last`.
        """
        for place in step.reads:
            if described[place] is None:
                described[place] = self._numbered(known.given[place], tensors[place])
        bound = dict(step.arguments)
        for name, place in step.direct:
            bound[name] = described[place]
        for name, value in step.listed:
            bound[name] = _filled(value, described)
        producers = self._storages.producers([tensors[place] for place in step.reads])
        outputs = [self._result(result, tensors, described, last) for result in step.results]
        op = Op(step.name, bound, tuple([described[place] for place in outputs]), self.stack.path, step.tags)
        results = [tensors[place] for place in outputs if tensors[place] is not None]
        self._put(op, producers, results, [tensors[place] for place in step.written])

    def _result(self, result: Result | Given, tensors: list[Any], described: list[Any], last: int) -> int:
        """The place of what an operator gives: that of what it was given, or that of a new tensor."""
        if isinstance(result, Given):
            return result.place
        told = result.described
        if result.is_read:
            tensor = _made_again(result)
            memory = None if result.shares is None else self._storages.known(tensors[result.shares]).storage
            known = self._storages.add_new(tensor, told.nbytes, memory)
            storage, number = known.storage, known.number
        else:
            tensor, (storage, number) = None, self._storages.add_unread(told.nbytes, last)
        tensors.append(tensor)
        described.append(_with_numbers(told, storage, number, self._storages.weight(storage)))
        return len(tensors) - 1

    def _numbered(self, told: Tensor | None, tensor: torch.Tensor) -> Tensor:
        """What describes a tensor that is like another one but for its numbers."""
        if told is None:
            return self._describe(tensor)
        known = self._storages.known(tensor)
        return _with_numbers(told, known.storage, known.number, self._storages.weight(known.storage))


def _with_numbers(told: Tensor, storage: int, number: int, weight: str | None) -> Tensor:
    return Tensor(told.shape, told.dtype, told.itemsize, storage, weight, told.nnz, number, told.channels_last)


def _filled(value: Any, described: Sequence[Tensor | None]) -> Any:
    if isinstance(value, Given):
        return described[value.place]
    return tuple([_filled(item, described) for item in value]) if isinstance(value, tuple) else value


def _made_again(result: Result) -> torch.Tensor:
    if result.form is None:
        return torch.empty(0, device="meta")
    stride, dtype = result.form
    return torch.empty_strided(result.described.shape, stride, dtype=dtype, device="meta")
