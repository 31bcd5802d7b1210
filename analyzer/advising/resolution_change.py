"""Whether a change of resolution can hold, told from sizes in the trace: most that cannot need no new trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from analyzer.formulas import kind_of
from analyzer.values.convolution import Convolution, Proposal, Unit
from analyzer.values.graph import Op, Tensor, Trace
from analyzer.values.operator_classes import BATCH_NORMS, JOINS, is_convolution, is_pointwise

Scale = Fraction | None
"""How many times larger than it was a tensor is along each spatial axis; None where sizes do not tell."""
Units = tuple[Unit, ...]


class Contradiction(Exception):
    """Tensors that meet would differ in size, or a layer that is not replaced would do other work than it did."""


def can_hold(proposal: Proposal, trace: Trace) -> bool:
    """False where the model would not run or would do other work than promised; True where only a trace can tell.

    Each tensor's change of size is followed from the layers that are replaced, in one pass over the operators.
    """
    scales: dict[int, Scale] = {}
    units = {path: new for path, new in proposal.replacements if new}
    try:
        for op in trace.graph:
            scale = _scale_after(op, _units_of(op, units), scales)
            scales.update((tensor.number, scale) for tensor in op.outputs if scale != 1 or tensor.number in scales)
    except Contradiction:
        return False
    return all(scales.get(tensor.number, Fraction(1)) in (1, None) for tensor in trace.outputs)


def _units_of(op: Op, units: Mapping[str, Units]) -> Units:
    """What takes the place of the layer that ran the operator."""
    path = op.layer
    while path not in units and path:
        path = path.rpartition(".")[0]
    return units.get(path, ())


def _scale_after(op: Op, units: Units, scales: Mapping[int, Scale]) -> Scale:
    read = {scales.get(tensor.number, Fraction(1)) for tensor in op.inputs if _has_space(tensor)}
    if units and op.outputs and _has_space(op.outputs[0]):
        return _replaced(op, units, read)
    if read <= {Fraction(1)}:
        return Fraction(1)
    if None in read:
        return None
    if kind_of(op) == "contraction":
        raise Contradiction
    if is_pointwise(op) or op.packet in JOINS or op.packet in BATCH_NORMS:
        return _one(read)
    return None


def _has_space(tensor: Tensor) -> bool:
    """Whether it has positions to lose or gain; a value for each channel is broadcast."""
    return tensor.weight is None and len(tensor.shape) > 2 and max(tensor.shape[2:]) > 1


def _replaced(op: Op, units: Units, read: set[Scale]) -> Scale:
    """The sizes that a replacement was priced for, beside those that the layer read and wrote."""
    before, after = op.inputs[0].shape[2:], op.outputs[0].shape[2:]
    first, last = units[0], units[-1]
    if not isinstance(first, Convolution) or not isinstance(last, Convolution):
        scale = _one(read)
        return None if scale is None else scale * _ratio(before, after)
    if not is_convolution(op):
        return None
    if None not in read and _one(read) != _ratio(first.input_size, before):
        raise Contradiction
    return _ratio(last.output_size, after)


def _ratio(new: Iterable[int], old: Iterable[int]) -> Fraction:
    return _one({Fraction(larger, size) for larger, size in zip(new, old, strict=True)}) or Fraction(0)


def _one(found: set[Fraction] | set[Scale]) -> Scale:
    """What all agree on; tensors that meet must."""
    if len(found) > 1:
        raise Contradiction
    return next(iter(found), Fraction(1))
