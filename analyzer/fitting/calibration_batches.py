"""Calibration inputs as batches, some of them held out for measuring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from analyzer.fitting.networks import Batch, Batches
from analyzer.loading.inputs.example_inputs import required
from analyzer.values.counts import Input
from analyzer.values.errors import Problem

PARTS = 4
"""Of so many batches one is held out for measuring."""
CHUNK = 32
"""Samples of a batch made from one large tensor."""
RANDOM = 64
"""Random samples that stand for inputs that were not given."""


@dataclass(frozen=True)
class Calibration:
    """Batches that weights are fitted to, and batches that harm is measured on."""

    batches: tuple[Batch, ...]
    held_out: tuple[Batch, ...]
    source: str
    is_guess: bool = False
    """Whether the inputs are random."""
    is_untrained: bool = False
    """Whether the model that they go through has random weights."""
    assumptions: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        return sum(map(size_of, self.batches))

    @property
    def held_out_samples(self) -> int:
        return sum(map(size_of, self.held_out))


def size_of(batch: Batch) -> int:
    """Samples in a batch: the first axis of its first tensor."""
    first = next((leaf for leaf in batch.tensors() if leaf.dim()), None)
    return 1 if first is None else len(first)


def calibration_of(model: nn.Module, inputs: Any, source: str = "the inputs given") -> Calibration:
    """Of a tensor, a tuple of arguments, a dictionary of named ones, an iterable of those, or a function giving one.

    Batches of a data loader may carry labels after the inputs: they are left out where forward takes fewer arguments.
    Problem when there is nothing, or a value is NaN or infinite.
    """
    batches = [_without_labels(batch, model) for batch in _batches(inputs, model)]
    if not batches:
        raise Problem(f"{source}: there are no calibration inputs; give at least one batch")
    for batch in batches:
        _refuse_not_finite(batch, source)
    parts = _split(batches)
    held_out = tuple(parts[PARTS - 1 :: PARTS])
    if not held_out:
        said = "there is a single calibration input, so harm is measured on the input that weights were fitted to"
        return Calibration(tuple(parts), tuple(parts), source, assumptions=(said,))
    kept = tuple(batch for index, batch in enumerate(parts) if index % PARTS != PARTS - 1)
    return Calibration(kept, held_out, source)


def _batches(inputs: Any, model: nn.Module) -> Iterator[Batch]:
    if isinstance(inputs, Tensor):
        yield from (Batch((part,), {}) for part in inputs.split(CHUNK))
    elif isinstance(inputs, Mapping):
        yield Batch((), dict(inputs))
    elif callable(inputs) and not isinstance(inputs, Iterable):
        yield from _batches(inputs(), model)
    elif _is_one_call(inputs, model):
        yield Batch(tuple(inputs), {})
    elif isinstance(inputs, Iterable):
        yield from (_batch(item) for item in inputs)
    else:
        raise Problem(f"calibration inputs are {type(inputs).__name__}; give tensors, or an iterable of batches")


def _is_one_call(inputs: Any, model: nn.Module) -> bool:
    """Whether a tuple holds the arguments of one call, and not tensors that are a batch each, as `split` gives them."""
    if not isinstance(inputs, tuple) or not inputs or not all(isinstance(item, Tensor) for item in inputs):
        return False
    alike = len({item.shape[1:] for item in inputs}) == 1
    return not (alike and len(inputs) > len(required(model)))


def _batch(item: Any) -> Batch:
    if isinstance(item, Mapping):
        return Batch((), dict(item))
    if isinstance(item, Tensor):
        return Batch((item,), {})
    if isinstance(item, tuple | list) and any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves(item)):
        return Batch(tuple(item), {})
    raise Problem(f"a calibration batch is {type(item).__name__}; give a tensor, a tuple of arguments or a dictionary")


def _without_labels(batch: Batch, model: nn.Module) -> Batch:
    """Only as many positional arguments as forward takes."""
    try:
        parameters = signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return batch
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return batch
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    last = batch.args[-1] if batch.args else None
    is_label = isinstance(last, Tensor) and last.dim() <= 1 and not last.is_floating_point()
    if len(batch.args) > len(places) or (len(batch.args) > len(needed) and is_label):
        return Batch(batch.args[: max(len(needed), 1)], batch.kwargs)
    return batch


def _refuse_not_finite(batch: Batch, source: str) -> None:
    for leaf in batch.tensors():
        if leaf.is_floating_point() and not bool(torch.isfinite(leaf).all()):
            raise Problem(f"{source}: an input holds NaN or infinite values; leave it out or mend its preprocessing")


def _split(batches: list[Batch]) -> list[Batch]:
    """The batches, or parts of them where they are too few to hold one out."""
    if len(batches) >= PARTS:
        return batches
    return [part for batch in batches for part in _parts(batch)]


def _parts(batch: Batch) -> Iterator[Batch]:
    """About four parts along the first axis, where all tensors agree on it."""
    sizes = {len(leaf) if leaf.dim() else 0 for leaf in batch.tensors()}
    if len(sizes) != 1 or (size := sizes.pop()) < 2:
        yield batch
        return
    step = max(1, -(-size // PARTS))
    for start in range(0, size, step):
        yield sliced(batch, slice(start, start + step))


def sliced(batch: Batch, samples: slice) -> Batch:
    """Some samples of a batch."""
    args, kwargs = pytree.tree_map(lambda leaf: leaf[samples] if isinstance(leaf, Tensor) else leaf, tuple(batch))
    return Batch(args, kwargs)


def first_samples(batches: Batches, number: int) -> Iterator[Batch]:
    """So many samples, of the first batches."""
    for batch in batches:
        if number <= 0:
            return
        yield batch if size_of(batch) <= number else sliced(batch, slice(0, number))
        number -= size_of(batch)


def random_calibration(inputs: tuple[Input, ...]) -> Calibration:
    """Standard normal values of the traced shapes; integers are zeros and ones."""
    generator = torch.Generator().manual_seed(0)
    each = max(1, RANDOM // (2 * PARTS))
    batches = [Batch((), {item.name: _random(item, each, generator) for item in inputs}) for _ in range(2 * PARTS)]
    said = "there were no calibration inputs: random ones were used, so the harm is a guess"
    return Calibration(tuple(batches[2:]), tuple(batches[:2]), "random inputs", True, assumptions=(said,))


def _random(item: Input, samples: int, generator: torch.Generator) -> Tensor:
    shape = (samples, *item.shape[1:]) if item.shape[:1] == (1,) else item.shape
    dtype: torch.dtype = getattr(torch, item.dtype)
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(dtype)
    return torch.randint(0, 2, shape, generator=generator).to(dtype)
