"""Runs a model from one of its layers on: operators before it are recorded once, and their outputs given again.

The model's own Python runs whole each time. Under a dispatch mode the operators before the layer give what they gave
when they were recorded: tensors that were still in use when the layer was called, and memory never written for others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from analyzer.fitting.divergence import tensors
from analyzer.fitting.networks import Batch, Enough, Runs

TOLERANCE = 1e-4
"""Relative, of an output: some operators are split otherwise under a dispatch mode, and round otherwise."""


class _Diverged(BaseException):
    """Raised where a run takes another course than the recorded one; no user code catches it."""


@dataclass(frozen=True, slots=True)
class _Output:
    """A tensor that an operator gave, as a view of a numbered storage."""

    storage: int
    size: torch.Size
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    device: torch.device


@dataclass(frozen=True)
class Point:
    """The operators before a call, and the storages that were in use when it was made."""

    operators: tuple[tuple[Any, Any], ...] = ()
    """Each with what it gave: `_Output` in the place of tensors."""
    made: Mapping[int, torch.UntypedStorage] = field(default_factory=dict)
    """Copies of what operators wrote."""
    given: Mapping[int, torch.UntypedStorage] = field(default_factory=dict)
    """Those of parameters and inputs, not copied."""

    @property
    def nbytes(self) -> int:
        return sum(storage.nbytes() for storage in self.made.values())


class _Run(TorchDispatchMode):
    """Gives again what is recorded up to a point, then runs operators and records them.

    Storages are numbered; weak references tell which are still in use.
    """

    def __init__(self, point: Point, is_check: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known, self._is_check = point, is_check
        self._operators = list(point.operators)
        self._place = 0
        self._numbers: dict[int, int] = {}
        self._references: dict[int, StorageWeakRef] = {}
        self._given = set(point.given)
        self._next = 1 + max((*point.made, *point.given), default=-1)
        self._is_off = False
        for number, storage in point.given.items():
            self._refer(number, storage)

    @property
    def is_past(self) -> bool:
        """Whether all that was recorded has been given again."""
        return self._place >= len(self._known.operators)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._is_off:
            return func(*args, **(kwargs or {}))
        place, self._place = self._place, self._place + 1
        if place < len(self._known.operators):
            known, output = self._known.operators[place]
            if known is not func:
                raise _Diverged
            return pytree.tree_map_only(_Output, self._again, output)
        output = func(*args, **(kwargs or {}))
        read = {
            leaf.untyped_storage()._cdata for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)
        }
        self._operators.append((func, pytree.tree_map_only(Tensor, lambda leaf: self._described(leaf, read), output)))
        return output

    def _again(self, output: _Output) -> Tensor:
        number = output.storage
        if number not in self._known.made and number not in self._known.given:
            unwritten = torch.empty_strided(output.size, output.stride, dtype=output.dtype, device=output.device)
            return unwritten.fill_(torch.nan) if self._is_check and output.dtype.is_floating_point else unwritten
        storage = self._in_use(number)
        if storage is None:
            storage = self._known.made[number].clone()  # a copy, as the model may write into it
            self._refer(number, storage)
        empty = torch.empty(0, dtype=output.dtype, device=output.device)
        return empty.set_(storage, output.offset, output.size, output.stride)

    def _described(self, tensor: Tensor, read: set[int]) -> _Output:
        if tensor.is_conj() or tensor.is_neg():
            raise _Diverged
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._numbers:
            if key in read:  # a view of a parameter or an input
                self._given.add(self._next)
            self._refer(self._next, storage)
        number, shape = self._numbers[key], tensor.shape
        return _Output(number, shape, tensor.stride(), int(tensor.storage_offset()), tensor.dtype, tensor.device)

    def _refer(self, number: int, storage: torch.UntypedStorage) -> None:
        if number in self._references:  # its address may be given to another storage once no reference is held
            del self._numbers[self._references[number].cdata]
        self._references[number] = StorageWeakRef(storage)
        self._numbers[storage._cdata] = number
        self._next = max(self._next, number + 1)

    def _in_use(self, number: int) -> torch.UntypedStorage | None:
        reference = self._references.get(number)
        return None if reference is None else torch.UntypedStorage._new_with_weak_ptr(reference.cdata)

    def point(self) -> Point:
        """Where the run is now."""
        self._is_off = True
        found = {number: storage for number in self._references if (storage := self._in_use(number)) is not None}
        made = {number: storage.clone() for number, storage in found.items() if number not in self._given}
        given = {number: storage for number, storage in found.items() if number in self._given}
        self._is_off = False
        return Point(tuple(self._operators), made, given)


@dataclass(frozen=True)
class Begun:
    """A batch whose forward calls begin at a point."""

    batch: Batch
    point: Point
    is_check: bool = False

    def through(self, model: nn.Module) -> Any:
        """As that of the batch; a model that takes another course than the recorded one is run whole."""
        try:
            with _Run(self.point, self.is_check):
                return self.batch.through(model)
        except _Diverged:
            if self.is_check:
                raise
            return self.batch.through(model)


class Resumer:
    """Batches that can be run through a model from any layer on, asked for in execution order.

    Keeps what is in use at the layer, of as many batches as fit in `room` bytes; the others are run from an earlier
    layer on. For a check what is no longer in use is NaN.
    """

    def __init__(self, model: nn.Module, batches: Sequence[Batch], room: float = inf, is_check: bool = False) -> None:
        self._room = room
        self._model, self._batches, self._is_check = model, batches, is_check
        self._points = [Point() for _ in batches]

    def at(self, path: str) -> list[Runs]:
        """The batches from the first call of a layer on, or from further ahead; whole where it is not called."""
        room, size = self._room, 0
        for place, batch in enumerate(self._batches):
            point = self._points[place]
            if size <= room:
                point = _advanced(self._model, batch, _Run(point, self._is_check), path)
                size = point.nbytes
            self._points[place] = point if point.nbytes <= room else Point()
            room -= self._points[place].nbytes
        pairs = zip(self._batches, self._points, strict=True)
        return [Begun(batch, point, self._is_check) for batch, point in pairs]


def _advanced(model: nn.Module, batch: Batch, run: _Run, path: str) -> Point:
    """The first call of a layer, reached by a run from an earlier point; the beginning where it does not come so."""
    found: list[Point] = []

    def stop(*_: Any) -> None:
        if run.is_past:
            found.append(run.point())
        raise Enough

    handle = model.get_submodule(path).register_forward_pre_hook(stop)
    try:
        with run:
            batch.through(model)
    except (Enough, _Diverged):
        pass
    finally:
        handle.remove()
    return found[0] if found else Point()


def can_resume(model: nn.Module, paths: Iterable[str], batch: Batch, wanted: Sequence[Tensor]) -> bool:
    """Whether the model gives the wanted tensors when it is run in parts, from each of these layers to the next."""
    resumer = Resumer(model, [batch], is_check=True)
    runs: list[Runs] = [batch]
    try:
        for path in paths:
            runs = resumer.at(path)
        given = tensors(runs[0].through(model))
    except (Exception, _Diverged):  # whatever a dispatch mode makes a user's forward raise: it is then run whole
        return False
    return len(given) == len(wanted) and all(map(_is_near, given, wanted))


def _is_near(one: Tensor, other: Tensor) -> bool:
    apart = (one.double() - other.double()).norm() if one.shape == other.shape else torch.tensor(torch.inf)
    return bool(apart <= TOLERANCE * other.double().norm())
