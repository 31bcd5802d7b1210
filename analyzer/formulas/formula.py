"""What a formula is, and the shapes of formula that most operators share."""

from collections.abc import Callable, Mapping
from typing import cast

from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor, tensors_of

Formula = Callable[[Op], Cost | None]
"""From the shapes of one call to its work; None when these shapes do not tell it."""

COMPLEX_MACS = 4
"""Real multiply-accumulates in a complex one."""


def table(formula: Formula, names: str, namespace: str = "aten") -> dict[str, Formula]:
    """One formula under many names of a namespace, the names separated by white space."""
    return {f"{namespace}.{name}": formula for name in names.split()}


def merge(*tables: Mapping[str, Formula]) -> dict[str, Formula]:
    """All tables as one; ValueError when two of them know the same operator."""
    merged: dict[str, Formula] = {}
    for part in tables:
        if twice := merged.keys() & part.keys():
            raise ValueError(f"two formulas for {', '.join(sorted(twice))}")
        merged.update(part)
    return merged


def free(op: Op) -> Cost:  # noqa: ARG001
    """No arithmetic: views, allocation, movement of data."""
    return Cost()


def per_output(flops: int) -> Formula:
    """other = flops · ∏out, of the first output (the first input when it is all the operator writes)."""
    return lambda op: Cost(other_flops=flops * result_elements(op))


def per_input(flops: int) -> Formula:
    """other = flops · ∏in, of the first tensor given."""
    return lambda op: Cost(other_flops=flops * elements(op.inputs[0]) if op.inputs else 0)


def per_element_of(flops: int, *names: str, when: str = "") -> Formula:
    """other = flops · ∏tensor, the one under the first of these names; 0 unless the argument `when` was given."""
    return lambda op: Cost(other_flops=flops * first(op, *names).numel if not when or op.arguments.get(when) else 0)


def per_item(flops: int) -> Formula:
    """other = flops · Σ∏in, over every tensor of the first argument, a list."""
    return lambda op: Cost(
        other_flops=flops * sum(elements(item) for item in tensors_of(next(iter(op.arguments.values()), None)))
    )


def elements(tensor: Tensor) -> int:
    """Elements that are stored."""
    return tensor.numel if tensor.nnz is None else tensor.nnz


def result_elements(op: Op) -> int:
    written = (*op.outputs[:1], *op.inputs[:1])
    return elements(written[0]) if written else 0


def given(op: Op, *names: str) -> int:
    """Under how many of these names a tensor, or a list of some, was given."""
    return sum(any(True for _ in tensors_of(op.arguments.get(name))) for name in names)


def first(op: Op, *names: str) -> Tensor:
    """The tensor that was given under the first of these names that the operator knows."""
    return op.tensor(next(name for name in names if name in op.arguments))


def size(op: Op, name: str) -> int:
    """A size among the arguments, integer or symbolic."""
    return cast(int, op.arguments[name])


def sizes(op: Op, name: str) -> tuple[int, ...]:
    """A list of sizes among the arguments; empty when it was left out."""
    value = op.arguments.get(name)
    if value is None:
        return ()
    return cast(tuple[int, ...], value if isinstance(value, tuple) else (value,))


def per_mac(*operands: Tensor) -> int:
    """Real multiply-accumulates in one multiply-accumulate of these operands."""
    return COMPLEX_MACS if any(operand.is_complex for operand in operands) else 1
