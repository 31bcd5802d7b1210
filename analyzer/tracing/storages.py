"""The memory that the tensors of a forward lie in: what shares it, which operator wrote it, how long it is held."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from analyzer.values.graph import Allocation, Op


@dataclass(slots=True)
class Known:
    """A live tensor: the memory that it lies in, its own number, and the operator that made this very tensor."""

    reference: weakref.ref[torch.Tensor]
    storage: int
    number: int
    producer: Op | None = None


class Storages:
    """Every live tensor that the operators so far read or made; `weights` names parameters and buffers by id."""

    def __init__(self, weights: Mapping[int, str]) -> None:
        self._weights = weights
        self._known: dict[int, Known] = {}
        self._holders: list[int] = []
        self._memory: list[Allocation | None] = []
        self._weight_of: dict[int, str] = {}
        self._writer: dict[int, tuple[int, Op]] = {}
        self._index: dict[Op, int] = {}
        self._tensors = 0
        self.unknown: dict[Any, torch.Tensor] = {}
        """Tensors that were there before and that nothing names, by their place in memory."""

    @property
    def allocations(self) -> tuple[Allocation, ...]:
        """What was allocated so far, and when it was let go."""
        return tuple(item for item in self._memory if item is not None)

    def known(self, tensor: torch.Tensor) -> Known:
        """What is known of a tensor; one never seen before was there before the forward."""
        known = self._known.get(id(tensor))
        return known if known is not None else self._adopt(tensor)

    def weight(self, storage: int) -> str | None:
        """The name of the parameter or buffer that lies in a memory."""
        return self._weight_of.get(storage)

    def has_made(self, tensor: torch.Tensor) -> bool:
        """Whether an operator of the forward made this very tensor."""
        known = self._known.get(id(tensor))
        return known is not None and known.producer is not None

    def add_results(self, results: list[torch.Tensor], sources: list[torch.Tensor]) -> None:
        """Take up what an operator returned: views of its sources, or new memory."""
        for result in results:
            if id(result) not in self._known:
                self._remember(result, self._storage_of(result, sources))

    def add_new(self, result: torch.Tensor, nbytes: int, storage: int | None = None) -> Known:
        """Take up a result that lies in memory of that number, or in new memory of so many bytes."""
        memory = self._new_storage(Allocation(nbytes, len(self._index))) if storage is None else storage
        return self._remember(result, memory)

    def add_unread(self, nbytes: int, freed: int) -> tuple[int, int]:
        """The numbers of new memory and of a tensor in it that is let go, unread, by the operator of that index."""
        self._memory.append(Allocation(nbytes, len(self._index), freed))
        self._holders.append(0)
        self._tensors += 1
        return len(self._memory) - 1, self._tensors

    def find(self, tensor: torch.Tensor) -> Known | None:
        """What is known of a tensor; None for one that no operator read or made yet."""
        return self._known.get(id(tensor))

    def allocation(self, storage: int) -> Allocation | None:
        """What the forward allocated for a memory; None for one that was there before."""
        return self._memory[storage]

    def add_op(self, op: Op, results: list[torch.Tensor], written: Sequence[torch.Tensor]) -> None:
        """Note which operator made the results, and wrote into which tensors."""
        place = self._index[op] = len(self._index)
        for result in results:
            self._known[id(result)].producer = op
        for tensor in written:
            self._writer[self.known(tensor).storage] = (place, op)

    def producers(self, sources: list[torch.Tensor]) -> list[Op]:
        """The operators that made the sources, and those that wrote into their memory later."""
        found: dict[Op, None] = {}
        for tensor in sources:
            known = self.known(tensor)
            index, writer = self._writer.get(known.storage, (-1, None))
            if known.producer is not None:
                found[known.producer] = None
            if writer is not None and (known.producer is None or index > self._index[known.producer]):
                found[writer] = None
        return list(found)

    def _adopt(self, tensor: torch.Tensor) -> Known:
        storage = self._new_storage(None)
        weight = self._weights.get(id(tensor))
        if weight is None:
            self.unknown.setdefault(_place(tensor), tensor)
        else:
            self._weight_of[storage] = weight
        return self._remember(tensor, storage)

    def _storage_of(self, result: torch.Tensor, sources: list[torch.Tensor]) -> int:
        """The number of a new tensor's memory: that of the source that it is a view of, else a new one."""
        address = address_of(result)
        for source in sources:
            if address is not None and address_of(source) == address:
                return self.known(source).storage
        nbytes = result.untyped_storage().nbytes() if address is not None else result.numel() * result.element_size()
        return self._new_storage(Allocation(nbytes, len(self._index)))

    def _new_storage(self, allocation: Allocation | None) -> int:
        self._memory.append(allocation)
        self._holders.append(0)
        return len(self._memory) - 1

    def _remember(self, tensor: torch.Tensor, storage: int) -> Known:
        key = id(tensor)
        self._holders[storage] += 1
        self._tensors += 1

        def forget(_: object) -> None:
            self._known.pop(key, None)
            self._release(storage)

        known = self._known[key] = Known(weakref.ref(tensor, forget), storage, self._tensors)
        return known

    def _release(self, storage: int) -> None:
        self._holders[storage] -= 1
        allocation = self._memory[storage]
        if self._holders[storage] == 0 and allocation is not None:
            freed = len(self._index) - 1
            self._memory[storage] = Allocation(allocation.nbytes, allocation.born, freed)


def _place(tensor: torch.Tensor) -> tuple[Any, ...]:
    address = address_of(tensor)
    if address is None or tensor.is_nested:  # rows of several lengths have no shape
        return (id(tensor),)
    if not all(type(size) is int for size in tensor.shape):  # a symbol
        return (id(tensor),)
    return address, tensor.storage_offset(), tuple(tensor.shape)


def address_of(tensor: torch.Tensor) -> int | None:
    """Identity of a tensor's memory among live tensors; None for layouts that have no single storage."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return None
