"""Traces of one model at several sizes of its inputs, each recorded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from analyzer.formulas.count import Count
from analyzer.scaling.stream import Stream, StreamDifference, stream_of
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace
from analyzer.values.scaling import Dimension

Shapes = dict[str, tuple[int, ...]]


class Unrecorded(Exception):
    """No polynomial describes what the forward does at these sizes."""


class ForwardFailed(Unrecorded):
    """The forward fails at these sizes."""


class Recordings:
    """What the forward does by sizes; `trace` is given the shapes of inputs by name, `example` is had already."""

    def __init__(
        self,
        example: Count,
        dimensions: Sequence[Dimension],
        trace: Callable[[Shapes], Trace],
        place: Callable[[str], str],
    ) -> None:
        self._inputs = example.trace.inputs
        self._dimensions = dimensions
        self._trace = trace
        self._place = place
        self.examples = {dimension.name: dimension.example for dimension in dimensions}
        self._found: dict[tuple[int, ...], Stream | str] = {tuple(self.examples.values()): stream_of(example)}

    def at(self, sizes: Mapping[str, int]) -> Stream:
        """The forward at sizes by name, the rest as in the example; ForwardFailed where it fails."""
        every = {**self.examples, **sizes}
        key = tuple(every.values())
        if key not in self._found:
            self._found[key] = self._record(every)
        found = self._found[key]
        if isinstance(found, str):
            raise ForwardFailed(f"at {written(sizes)} {found}")
        return found

    def _record(self, sizes: Mapping[str, int]) -> Stream | str:
        shapes = {given.name: list(given.shape) for given in self._inputs}
        for dimension in self._dimensions:
            for name, axis in dimension.places:
                shapes[name][axis] = sizes[dimension.name]
        try:
            return stream_of(Count(self._trace({name: tuple(shape) for name, shape in shapes.items()})))
        except Problem as problem:
            return f"the forward fails: {problem}"

    def told(self, difference: StreamDifference, sizes: Mapping[str, int]) -> str:
        """A difference between what is done at these sizes and elsewhere, with the lines of both layers."""
        here, there = self._place(difference.layer), self._place(difference.other_layer)
        return f"at {written(sizes)} the forward runs {difference.there}{there} where it runs {difference.here}{here}"


def written(sizes: Mapping[str, int]) -> str:
    """As a user says it: "batch=8, height=512"."""
    return ", ".join(f"{name}={size}" for name, size in sizes.items())
