"""The part of the input that each layer's output reads: size, jump and padding offset, exact through the graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from analyzer.dataflow.flow import Flow, Value
from analyzer.dataflow.receptive_field.axes import Axes, Reach, broadcast
from analyzer.dataflow.receptive_field.axis_names import SLIDING, AxisNames
from analyzer.dataflow.receptive_field.dispatch import axes_after
from analyzer.values.counts import Layer
from analyzer.values.graph import Op, Trace, tensors_of
from analyzer.values.layer_patterns import holders
from analyzer.values.operator_classes import FILLS


@dataclass(frozen=True, slots=True)
class Field:
    """What one output position reads, a number for each spatial axis of the input.

    `size` is the most positions from first to last (None: all, through global pooling, attention, gates or statistics),
    `least_size` the fewest: they differ after upsampling, where positions of different phases read differently. `jump`
    is how far what is read moves from one output position to the next, below one after upsampling, None where the
    output has no such axis any more; `padding` how many positions before the first one output 0 reads.
    """

    size: tuple[int | None, ...]
    jump: tuple[int | Fraction | None, ...]
    padding: tuple[int | None, ...]
    aligned: bool = True
    """False when branches meet whose centres or jumps differ: then the hull, or the largest field, is given."""
    least_size: tuple[int | None, ...] = ()
    irregular: bool = False
    """The pattern of positions along an axis is too long to be followed: its numbers are None."""

    @property
    def whole_size(self) -> tuple[int, ...] | None:
        """The size where every axis has one."""
        return _all_known(self.size)

    @property
    def whole_jump(self) -> tuple[int, ...] | None:
        """The jump where it is a whole number along every axis: not after upsampling beyond the input's resolution."""
        jumps = tuple(jump for jump in self.jump if isinstance(jump, int))
        return jumps if len(jumps) == len(self.jump) else None


def receptive_fields(trace: Trace, flow: Flow | None = None) -> Mapping[str, Field]:
    """The field of every layer's output (its first call's), by path; those without a spatial past are left out.

    Space is what the model's first convolutions slide over. Conventions as in Araujo, Norris and Sim, "Computing
    Receptive Fields of Convolutional Neural Networks" (2019), but with left and right kept apart, an exact pattern of
    positions after upsampling, and hulls rather than errors where branches are not aligned.
    """
    if not any("conv" in op.name for op in trace.graph):
        return {}
    flow = Flow(trace) if flow is None else flow
    axes = axes_of_values(flow)
    last = _last_operators(trace)
    fields = {op: _field(next((axes[v] for v in flow.writes[op] if v in axes), None)) for op in set(last.values())}
    return {path: field for path, op in last.items() if (field := fields[op]) is not None}


def with_fields(layers: Iterable[Layer], fields: Mapping[str, Field]) -> tuple[Layer, ...]:
    """The same layers with their fields; sizes where they are finite, whole numbers along every axis."""
    return tuple(_with_field(layer, fields.get(layer.path)) for layer in layers)


def _with_field(layer: Layer, field: Field | None) -> Layer:
    if field is None:
        return layer
    whole_size, least = field.whole_size, _all_known(field.least_size)
    return replace(
        layer,
        receptive_field=whole_size,
        receptive_field_least=least if whole_size != least else None,
        jump=field.whole_jump,
        offset=_all_known(field.padding) if whole_size is not None else None,
        reach=_reach(field),
    )


def _reach(field: Field) -> str:
    if field.irregular:
        return "irregular"
    if field.whole_size is None:
        return "global"
    return "exact" if field.aligned else "unaligned"


def _all_known(numbers: Sequence[int | None]) -> tuple[int, ...] | None:
    known = tuple(number for number in numbers if number is not None)
    return known if len(known) == len(numbers) else None


def axes_of_values(flow: Flow, names: AxisNames | None = None) -> dict[Value, Axes]:
    """What every value keeps of the input's axes; `names` learns what convolutions call them."""
    names = AxisNames() if names is None else names
    known, bases = dict[Value, Axes](), dict[int, Value]()
    for value, producer in enumerate(flow.producers):
        if producer is None and flow.dynamic[value]:
            known[value] = names.of_input(flow.tensors[value].shape)
    for op in flow.trace.graph:
        _follow(op, flow, names, known, bases)
    return known


def _follow(op: Op, flow: Flow, names: AxisNames, known: dict[Value, Axes], bases: dict[int, Value]) -> None:
    if "view" in op.tags:
        base = bases.get(op.inputs[0].number, flow.reads[op][0])
        bases.update((tensor.number, base) for tensor in op.outputs)
    read = {value: known[value] for value in flow.reads[op] if value in known}
    if not read or not op.outputs or op.packet in FILLS:
        return
    operands = names.shared(op, flow.argument(op, SLIDING.get(op.packet, "")), read)
    after = axes_after(op, _given(op, flow, operands), list(operands.values()))
    for value, tensor in zip(flow.writes[op], op.outputs, strict=True):
        if len(tensor.shape) == len(after.dimensions):
            known[value] = after.fitted(tensor.shape)
    if "inplace" in op.tags and op.outputs[0].number in bases:
        _write_through(after, bases[op.outputs[0].number], flow, names, known)


def _write_through(written: Axes, base: Value, flow: Flow, names: AxisNames, known: dict[Value, Axes]) -> None:
    """What is written to through a view is read there besides; where it is put elsewhere along an axis, globally."""
    before, shape = known.get(base), flow.tensors[base].shape
    if len(written.dimensions) != len(shape):
        return
    written = written.fitted(shape)
    if before is None:
        known[base] = written
        return
    leader = written if before.is_raw else before
    known[base] = broadcast([names.like(before, leader), names.like(written, leader)], shape)


def _given(op: Op, flow: Flow, known: Mapping[Value, Axes]) -> dict[str, Axes]:
    """The axes of each argument by name, of a list the first's; of every tensor of a list by "name.index" too."""
    found: dict[str, Axes] = {}
    for name, argument in op.arguments.items():
        values = [flow.value(tensor) for tensor in tensors_of(argument)]
        axes = {f"{name}.{index}": known[value] for index, value in enumerate(values) if value in known}
        found.update({name: next(iter(axes.values())), **axes} if axes else {})
    return found


def _field(axes: Axes | None) -> Field | None:
    """Before the first convolution nothing says which axes are spatial."""
    if axes is None or axes.is_raw or not axes.reach:
        return None
    reaches = [(axis, axes.reach[axis]) for axis in sorted(axes.reach)]
    windows = [None if reach.whole or reach.irregular else reach.window for _, reach in reaches]
    return Field(
        size=tuple(window.size if window else None for window in windows),
        jump=tuple(_jump(reach) if axis in axes.present else None for axis, reach in reaches),
        padding=tuple(None if window is None else -window.low[0] for window in windows),
        aligned=all(reach.aligned for _, reach in reaches),
        least_size=tuple(window.least_size if window else None for window in windows),
        irregular=any(reach.irregular and not reach.whole for _, reach in reaches),
    )


def _jump(reach: Reach) -> int | Fraction | None:
    jump = reach.window.jump
    if reach.irregular:
        return None
    return jump.numerator if jump.denominator == 1 else jump


def _last_operators(trace: Trace) -> Mapping[str, Op]:
    """The operator that gives a module's first output: the last of those that ran in it, of several calls the first."""
    ran: defaultdict[str, list[Op]] = defaultdict(list)
    for op in trace.graph:
        for path in (op.layer, *holders(op.layer)):
            ran[path].append(op)
    calls = {module.path: max(module.calls, 1) for module in trace.modules}
    return {path: ops[max(len(ops) // calls.get(path, 1), 1) - 1] for path, ops in ran.items()}
