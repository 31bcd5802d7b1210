"""Random numbers that a forward draws outside torch: from seed 0, so that every analysis counts the same forward."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Generator:
    """How one generator's state is read and written, and its state for seed 0."""

    read: Callable[[], Any]
    write: Callable[[Any], Any]
    first: Any


@contextmanager
def seeded(modules: Iterable[nn.Module]) -> Iterator[Callable[[], bool]]:
    """Python's and numpy's generators and those that modules hold at seed 0 while the block runs, then as they were.

    Yields what tells whether any has been drawn from.
    """
    generators = list(_generators(modules))
    before = [generator.read() for generator in generators]
    for generator in generators:
        generator.write(generator.first)
    try:
        yield lambda: any(_text(generator.read()) != _text(generator.first) for generator in generators)
    finally:
        for generator, state in zip(generators, before, strict=True):
            generator.write(state)


def _generators(modules: Iterable[nn.Module]) -> Iterator[Generator]:
    numpy: Any = sys.modules.get("numpy")
    yield _of_python(random)
    if numpy:
        yield _of_numpy(numpy, numpy.random)
    held = (value for module in modules for value in vars(module).values() if _draws(type(value)))  # type: ignore[arg-type]
    for value in {id(value): value for value in held}.values():
        if isinstance(value, random.Random):
            yield _of_python(value)
        elif isinstance(value, numpy.random.RandomState):
            yield _of_numpy(numpy, value)
        else:
            yield _of_bits(value.bit_generator)


@cache
def _draws(kind: type) -> bool:
    """Whether objects of a class are generators of Python's or numpy's; the system's own has no seed."""
    numpy: Any = sys.modules.get("numpy")
    kinds = (random.Random, *((numpy.random.RandomState, numpy.random.Generator) if numpy else ()))
    return issubclass(kind, kinds) and not issubclass(kind, random.SystemRandom)


def _of_python(generator: Any) -> Generator:
    return Generator(generator.getstate, generator.setstate, random.Random(0).getstate())


def _of_numpy(numpy: Any, generator: Any) -> Generator:
    first = numpy.random.RandomState(0).get_state(legacy=False)
    return Generator(lambda: generator.get_state(legacy=False), generator.set_state, first)


def _of_bits(bits: Any) -> Generator:
    return Generator(lambda: bits.state, lambda state: setattr(bits, "state", state), type(bits)(0).state)


def _text(state: Any) -> Any:
    """A state that can be compared: its arrays as bytes."""
    if isinstance(state, dict):
        return {name: _text(value) for name, value in state.items()}
    return state.tobytes() if hasattr(state, "tobytes") else state
