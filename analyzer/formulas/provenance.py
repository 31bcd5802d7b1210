"""What the tensors of a training step are computed from: from parameters alone, or from inputs as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from analyzer.values.graph import Op, Tensor, distinct_parameters, tensors_of
from analyzer.values.recorded_steps import StepTrace

Source = frozenset[str] | None
"""Names of the parameters that a tensor is computed from, none for a constant; None where inputs go into it."""
CONSTANT: Source = frozenset()
FIRST_FACTORS = {"mat1", "mat", "batch1"}
"""Beside them `self` is what is added to the product."""


class Provenance:
    """The source of each memory, followed along the operators of a step."""

    def __init__(self, step: StepTrace) -> None:
        first = {p.identity: p.name for p in distinct_parameters(p for p in step.trace.parameters if not p.is_buffer)}
        self._names = {p.name: first.get(p.identity) for p in step.trace.parameters}
        self._sources: dict[int, Source] = {}
        self.factors: dict[Op, tuple[Source, ...]] = {}
        """Of each operator the sources of its tensors, without what is only added."""
        for op, place in zip(step.trace.graph, step.places, strict=True):
            self._follow(op, is_backward=place.phase == "backward")

    def _follow(self, op: Op, is_backward: bool) -> None:
        self.factors[op] = tuple(map(self._of, _factors(op)))
        source = None if is_backward else joined(map(self._of, op.inputs))
        for output in op.outputs:
            known = self._sources.get(output.storage, CONSTANT)
            is_view = output.storage in {tensor.storage for tensor in op.inputs}
            self._sources[output.storage] = self._of(output) if is_backward and is_view else joined((known, source))

    def _of(self, tensor: Tensor) -> Source:
        if tensor.storage in self._sources:
            return self._sources[tensor.storage]
        if tensor.weight is None:
            return None
        name = self._names.get(tensor.weight)
        return CONSTANT if name is None else frozenset({name})


def joined(sources: Iterable[Source]) -> Source:
    """The source of what is computed from these."""
    names: frozenset[str] = frozenset()
    for source in sources:
        if source is None:
            return None
        names |= source
    return names


def _factors(op: Op) -> Iterable[Tensor]:
    left_out = {"bias", "self"} if FIRST_FACTORS & op.arguments.keys() else {"bias"}
    given: Mapping[str, object] = {name: value for name, value in op.arguments.items() if name not in left_out}
    return tensors_of(tuple(given.values()))  # type: ignore[arg-type]
