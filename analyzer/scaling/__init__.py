"""Costs as exact polynomials: traces on a lattice of input sizes, every recorded size fitted, every cost derived."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from analyzer.formulas.count import Count
from analyzer.scaling.agreement import SecondTrace, symbolic_shapes
from analyzer.scaling.costs import OperatorCosts
from analyzer.scaling.fit import LatticeFit
from analyzer.scaling.lattice import dimensions_of, with_periods
from analyzer.scaling.memory import NoPeak, peaks
from analyzer.scaling.recordings import Recordings, Shapes, Unrecorded, written
from analyzer.scaling.search import Found, found
from analyzer.values.counts import Layer, Total
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace
from analyzer.values.layer_patterns import holders
from analyzer.values.scaling import LayerScaling, Polynomial, Scaling
from analyzer.values.scaling import Shapes as PolynomialShapes

Amounts = tuple[Polynomial | None, Polynomial | None, Polynomial | None]
"""MACs, other FLOPs, new elements; None for what is no polynomial."""
NO_SIZES = "none of the inputs has a size that can change"
FOR_VALUES = "the forward depends on values, so that its cost holds for this input alone"


def scaling_of(
    count: Count,
    layers: Sequence[Layer],
    trace: Callable[[Shapes], Trace],
    sources: Mapping[str, str],
    second: SecondTrace | None = None,
    names: Mapping[str, Sequence[str]] = {},
) -> Scaling:
    """The costs of a model as polynomials in the sizes of its inputs.

    `layers` are the rows of its analysis, `trace` records the forward with inputs of given shapes, `sources` says
    in which file and line layers are written, `second` traces with symbols for the sizes, `names` are what the user
    calls the axes of inputs. Raises Problem, one sentence, when no size can change.
    """
    example = count.trace
    if example.mode == "real":
        raise Problem(f"costs as formulas: {FOR_VALUES}")
    dimensions = with_periods(dimensions_of(example.inputs, names), layers)
    if not dimensions:
        raise Problem(f"costs as formulas: {NO_SIZES}")
    recordings = Recordings(count, dimensions, trace, sources)
    try:
        result = found(recordings, dimensions)
    except Unrecorded as reason:
        raise Problem(f"costs as formulas: the model fixes every size: {reason}") from None
    scaling = _confirmed(_scaling(result), recordings, count.total)
    return replace(scaling, symbolic=symbolic_shapes(result.fit, second)) if second else scaling


def _confirmed(scaling: Scaling, recordings: Recordings, example: Total) -> Scaling:
    """The formulas, held to the totals of every trace in their range; without that of the peak where it differs."""
    for sizes, recorded in recordings.totals([name for item in scaling.dimensions for name in item.names]):
        try:
            where, steps = scaling.point(sizes)
        except Problem:
            continue
        expected = where.total(example, steps)
        for name in ("macs", "other_flops", "activation_elements", "peak_activation_bytes"):
            amount, traced = getattr(expected, name), getattr(recorded, name)
            if amount is not None and amount != traced:
                at = f"at {written(sizes)} the formula says {amount:,} where a trace has {traced:,}"
                raise Problem(f"costs as formulas: {name.replace('_', ' ')} is not known: {at}")
    return scaling


def _scaling(result: Found) -> Scaling:
    fit = result.fit
    sums = _by_layer(OperatorCosts(fit), fit.stream.owners)
    modules = {structure[0]: index for index, structure in enumerate(fit.stream.modules)}
    rows = tuple(_row(layer, sums[layer.path], _shapes(fit, modules[layer.path])) for layer in fit.stream.rows)
    try:
        memory, absence = peaks(fit), ""
    except NoPeak as reason:
        memory, absence = (), str(reason)
    return Scaling(
        dimensions=fit.dimensions,
        macs=total(row.macs for row in rows),
        other_flops=total(row.other_flops for row in rows),
        activation_elements=total(elements for _, _, elements in sums.values()),
        peak_activation_bytes=memory,
        layers=rows,
        blocks=tuple(_blocks(sums, fit)),
        fixed=result.fixed,
        ends=result.ends,
        peak_absence=absence,
        at_example=_scaling(result.at_example) if result.at_example else None,
    )


def _by_layer(costs: OperatorCosts, owners: Sequence[str]) -> dict[str, Amounts]:
    """MACs, other FLOPs and new elements of every layer that runs operators itself."""
    calls: dict[str, Counter[int]] = defaultdict(Counter)
    for owner, kind in zip(owners, costs.kinds, strict=True):
        calls[owner][kind] += 1
    found: dict[str, Amounts] = defaultdict(lambda: (Polynomial(), Polynomial(), Polynomial()))
    for owner, kinds in calls.items():
        columns = zip(*(_times(costs.polynomials[kind], number) for kind, number in kinds.items()), strict=True)
        macs, other_flops, elements = map(total, columns)
        found[owner] = macs, other_flops, elements
    return found


def _times(amounts: Iterable[Polynomial | None], number: int) -> list[Polynomial | None]:
    return [None if amount is None else amount * number for amount in amounts]


def total(polynomials: Iterable[Polynomial | None]) -> Polynomial | None:
    """The sum; None where one of them is not known."""
    sums: dict[tuple[int, ...], Fraction] = {}
    for polynomial in polynomials:
        if polynomial is None:
            return None
        for powers, value in polynomial.coefficients.items():
            sums[powers] = sums.get(powers, Fraction(0)) + value
    return Polynomial.of(sums)


def _row(layer: Layer, amounts: Amounts, shapes: tuple[PolynomialShapes, PolynomialShapes]) -> LayerScaling:
    return LayerScaling(layer.path, layer.kind, layer.calls, amounts[0], amounts[1], *shapes)


def _shapes(fit: LatticeFit, module: int) -> tuple[PolynomialShapes, PolynomialShapes]:
    """Of the inputs and outputs of a module's first call."""
    left = iter(fit.numbers[len(fit.stream.operators) + module])
    inputs, outputs = (
        tuple(tuple(fit.polynomials[next(left)] for _ in range(rank)) for rank in ranks)
        for ranks in fit.stream.modules[module][3:]
    )
    return inputs, outputs


def _blocks(sums: Mapping[str, Amounts], fit: LatticeFit) -> Iterator[LayerScaling]:
    """Every module that holds others, their work included, in order of execution."""
    parts: dict[str, list[Amounts]] = {}
    for path, amounts in sums.items():
        for holder in filter(None, holders(path)):
            parts.setdefault(holder, []).append(amounts)
    for path, kind, calls, *_ in fit.stream.modules:
        if path in parts:
            macs, other_flops, _ = map(total, zip(sums[path], *parts[path], strict=True))
            yield LayerScaling(path, kind, calls, macs, other_flops)
