"""Traces of one model at several sizes of its inputs, each recorded once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from analyzer.formulas.count import Count
from analyzer.scaling.stream import Stream, StreamDifference, named, stream_of
from analyzer.values.counts import Total
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace
from analyzer.values.scaling import Dimension, resized

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
        sources: Mapping[str, str],
    ) -> None:
        self._inputs = example.trace.inputs
        self._dimensions = dimensions
        self._trace = trace
        self._sources = sources
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
        inputs = resized(self._inputs, self._dimensions, sizes)
        try:
            return stream_of(Count(self._trace({given.name: given.shape for given in inputs})))
        except Problem as problem:
            return f"the forward fails: {problem}"

    def totals(self, names: Collection[str]) -> Iterator[tuple[dict[str, int], Total]]:
        """The totals wherever the forward was recorded with all sizes but the named ones as in the example."""
        for key, found in self._found.items():
            sizes = dict(zip(self.examples, key, strict=True))
            others = self.examples.keys() - names
            if isinstance(found, Stream) and all(sizes[name] == self.examples[name] for name in others):
                yield {name: sizes[name] for name in names}, found.total

    def changed_stream(self, difference: StreamDifference, sizes: Mapping[str, int]) -> str:
        """A difference between what is done at these sizes and elsewhere, with the lines of both layers."""
        here = f"{difference.here}{self._place(difference.layer)}"
        there = f"{difference.there}{self._place(difference.other_layer)}"
        return f"at {written(sizes)} the forward runs {there} where it runs {here}"

    def off_line(self, stream: Stream, index: int, sizes: Mapping[str, int]) -> str:
        """Which operator or module has sizes that do not lie on the line through those at other sizes."""
        operators = len(stream.operators)
        name, layer = (
            named(stream.operators[index]) if index < operators else ("a call", stream.modules[index - operators][0])
        )
        return f"up to {written(sizes)} the sizes of {name}{self._place(layer)} do not grow linearly"

    def beyond_table(self, layer: str, rows: int, sizes: Mapping[str, int]) -> str:
        """Which layer looks up positions that its table does not have."""
        return f"at {written(sizes)} positions are looked up beyond a table of {rows:,} rows{self._place(layer)}"

    def _place(self, layer: str) -> str:
        where = f" in layer `{layer}`" if layer else ""
        return f"{where} ({self._sources[layer]})" if layer in self._sources else where


def written(sizes: Mapping[str, int]) -> str:
    """As a user says it: "batch=8, height=512"."""
    return ", ".join(f"{name}={size}" for name, size in sizes.items())
