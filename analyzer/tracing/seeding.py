"""Random numbers that a forward draws in Python: from seed 0, so that every analysis counts the same forward."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch


@dataclass(frozen=True)
class Generator:
    """How one generator's state is read and written, and its state for seed 0."""

    read: Callable[[], Any]
    write: Callable[[Any], Any]
    first: Any


@contextmanager
def seeded(held: Iterable[Any]) -> Iterator[Callable[[], bool]]:
    """Python's and numpy's generators and those that are held at seed 0 while the block runs, then as they were.

    Yields what tells whether any has been drawn from.
    """
    generators = [*_shared(), *(generator_of(value) for value in {id(value): value for value in held}.values())]
    before = [generator.read() for generator in generators]
    for generator in generators:
        generator.write(generator.first)
    try:
        yield lambda: any(_text(generator.read()) != _text(generator.first) for generator in generators)
    finally:
        for generator, state in zip(generators, before, strict=True):
            generator.write(state)


def _shared() -> Iterator[Generator]:
    numpy: Any = sys.modules.get("numpy")
    yield _of_python(random)
    if numpy:
        yield _of_numpy(numpy.random)


def generator_of(value: Any) -> Generator:
    """How the state of an object that `draws` is read and written."""
    if isinstance(value, torch.Generator):
        first = torch.Generator(value.device).manual_seed(0).get_state()
        return Generator(value.get_state, value.set_state, first)
    if isinstance(value, random.Random):
        return _of_python(value)
    return _of_bits(value.bit_generator) if hasattr(value, "bit_generator") else _of_numpy(value)


@cache
def draws(kind: type) -> bool:
    """Whether objects of a class are generators of Python's, numpy's or torch's; the system's own has no seed."""
    numpy: Any = sys.modules.get("numpy")
    kinds = (numpy.random.RandomState, numpy.random.Generator) if numpy else ()
    return issubclass(kind, (random.Random, torch.Generator, *kinds)) and not issubclass(kind, random.SystemRandom)


def _of_python(generator: Any) -> Generator:
    return Generator(generator.getstate, generator.setstate, random.Random(0).getstate())


def _of_numpy(generator: Any) -> Generator:
    first = sys.modules["numpy"].random.RandomState(0).get_state(legacy=False)
    return Generator(lambda: generator.get_state(legacy=False), generator.set_state, first)


def _of_bits(bits: Any) -> Generator:
    return Generator(lambda: bits.state, lambda state: setattr(bits, "state", state), type(bits)(0).state)


def _text(state: Any) -> Any:
    """A state that can be compared: its arrays as bytes."""
    if isinstance(state, dict):
        return {name: _text(value) for name, value in state.items()}
    if isinstance(state, torch.Tensor):
        return bytes(state.tolist())
    return state.tobytes() if hasattr(state, "tobytes") else state
