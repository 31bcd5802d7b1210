"""Tensors that were there before a forward and that it writes to: their values are given back afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from analyzer.tracing.containers import has_no_values, tensors_among
from analyzer.tracing.recorder import Run, signature


@dataclass(frozen=True)
class WrittenTensor:
    """A tensor that was written to: in which memory it lay, where, and autograd's count of writes."""

    tensor: torch.Tensor
    storage: torch.UntypedStorage
    place: tuple[Any, torch.Size, tuple[int, ...]]
    version: int | None

    def give_back(self) -> None:
        """Where it was; autograd does not learn of the writes."""
        if self.tensor.untyped_storage()._cdata != self.storage._cdata or _place(self.tensor) != self.place:
            self.tensor.set_(self.storage, *self.place)
        if self.version is not None:
            torch._C._autograd._unsafe_set_version_counter((self.tensor,), (self.version,))


class WrittenTensors:
    """Follows which tensors a forward makes, and keeps a copy of any other before it first writes to it.

    `own` are tensors made for this one forward, which it may write to.
    """

    def __init__(self, own: Iterable[torch.Tensor]) -> None:
        self._made = {address for tensor in own if (address := _address(tensor)) is not None}
        self._memory: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}
        self._kept: dict[int, WrittenTensor] = {}

    def following(self, run: Run) -> Run:
        """The same way to carry out an operator, followed."""

        def carry_out(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            given = {_address(tensor) for tensor in tensors_among((args, tuple(kwargs.values())))} - {None}
            if given - self._made:
                self._keep(func, args, kwargs)
            outputs = run(func, args, kwargs)
            made = (_address(tensor) for tensor in tensors_among(outputs))
            self._made.update(address for address in made if address is not None and address not in given)
            return outputs

        return carry_out

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """After the block every tensor that was written to is as it was, also when the block raises."""
        try:
            yield
        finally:
            self.give_back()

    def give_back(self) -> None:
        """Every tensor that was written to, as it was."""
        with torch.no_grad(), torch._C._DisableTorchDispatch():
            for storage, content in self._memory.values():
                if storage.nbytes() != content.nbytes():
                    storage.resize_(content.nbytes())
                storage.copy_(content)
            for stored in reversed(self._kept.values()):  # views share one count of writes: the first is the oldest
                stored.give_back()

    def _keep(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        known = signature(func)
        for name, value in [*zip(known.names, args, strict=False), *kwargs.items()]:
            if name in known.written:
                for tensor in tensors_among(value):
                    address = _address(tensor)
                    if address is not None and address not in self._made and id(tensor) not in self._kept:
                        self._kept[id(tensor)] = self._stored(tensor, address)

    def _stored(self, tensor: torch.Tensor, address: int) -> WrittenTensor:
        storage = tensor.untyped_storage()
        if address not in self._memory:
            with torch._C._DisableTorchDispatch():  # else a fake mode would make a fake copy
                self._memory[address] = storage, storage.clone()
        version = None if tensor.is_inference() else tensor._version
        return WrittenTensor(tensor, storage, _place(tensor), version)


def _place(tensor: torch.Tensor) -> tuple[Any, torch.Size, tuple[int, ...]]:
    return tensor.storage_offset(), tensor.size(), tensor.stride()


def _address(tensor: torch.Tensor) -> int | None:
    """Identity of the memory that holds a tensor's values; None where there are none, or no single memory."""
    if has_no_values(tensor) or tensor.layout is not torch.strided:
        return None
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return None
