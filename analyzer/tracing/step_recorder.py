"""Records a forward and its backward, and of each operator for which of autograd's nodes it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from analyzer.tracing.recorder import Recorder
from analyzer.tracing.storages import Known, Storages, address_of
from analyzer.values.graph import Op
from analyzer.values.recorded_steps import StepPlace


class LastingStorages(Storages):
    """Knows a piece of memory again under another tensor: autograd gives back what it saved as a new one."""

    def __init__(self, weights: Mapping[int, str]) -> None:
        super().__init__(weights)
        self._numbers: dict[int | None, tuple[int, StorageWeakRef]] = {}
        """By address, which no other memory gets while it is referred to."""

    def _adopt(self, tensor: torch.Tensor) -> Known:
        known = self._numbers.get(address_of(tensor))
        return super()._adopt(tensor) if known is None else self._remember(tensor, known[0])

    def _storage_of(self, result: torch.Tensor, sources: list[torch.Tensor]) -> int:
        known = self._numbers.get(address_of(result))
        return super()._storage_of(result, sources) if known is None else known[0]

    def _remember(self, tensor: torch.Tensor, storage: int) -> Known:
        address = address_of(tensor)
        if address is not None and address not in self._numbers:
            self._numbers[address] = storage, StorageWeakRef(tensor.untyped_storage())
        return super()._remember(tensor, storage)


class StepRecorder(Recorder):
    """A recorder that tells forward, backward and recomputation apart."""

    def restart(self) -> None:
        """Forget what was recorded."""
        super().restart()
        self._storages = LastingStorages(self.weights)
        self.places: list[StepPlace] = []
        self._is_backward = False

    @contextmanager
    def backward(self) -> Iterator[None]:
        """What is recorded within belongs to the backward."""
        self._is_backward = True
        try:
            yield
        finally:
            self._is_backward = False

    def _put(
        self, op: Op, producers: list[Op], results: list[torch.Tensor], changed: Sequence[torch.Tensor] = ()
    ) -> None:
        super()._put(op, producers, results, changed)
        self.places.append(self._place())

    def _place(self) -> StepPlace:
        """A backward records no gradients of its own; where they are recorded, a forward is repeated."""
        made = torch._C._autograd._get_sequence_nr() - 1
        if not self._is_backward:
            return StepPlace("forward", made)
        node = torch._C._current_autograd_node()
        if torch.is_grad_enabled() or node is None:
            return StepPlace("recompute", made)
        return StepPlace("backward", node._sequence_nr())
