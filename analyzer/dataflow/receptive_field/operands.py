"""What every account of an operator's axes needs: its operands' axes, its shapes and its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from analyzer.dataflow.receptive_field.axes import Axes
from analyzer.values.graph import Op, Tensor

Given = Mapping[str, Axes]
"""The axes of those arguments that are tensors with any."""
Handler = Callable[[Op, Given], Axes]
SUBJECTS = ("self", "input", "query", "tensors", "indices", "mat1", "mat2", "batch1", "batch2", "key", "value")
"""Names of the arguments that handlers look at."""


def find_subject(given: Given) -> Axes | None:
    return next((given[name] for name in SUBJECTS if name in given), None)


def loaded(given: Given) -> Axes:
    found = find_subject(given)
    assert found is not None, "axes_after has looked"
    return found


def source(op: Op) -> Tensor:
    return op.tensor("self") if "self" in op.arguments else op.tensor("input")


def shape_of(op: Op) -> tuple[int, ...]:
    return op.outputs[0].shape
