"""Everything that the scripts of a page draw from, model by model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.formats.html.change_data import Changes, changes
from analyzer.formats.html.embedding import Strings, Wire, known, wire
from analyzer.formats.html.layer_tree import LayerTree, layer_tree
from analyzer.formats.html.memory_data import MemoryCurve, memory_curve
from analyzer.formats.html.slider_data import SizeSliders, TradeOff, sizes, trade_off
from analyzer.formats.html.suggestion_data import Suggestions, suggestions
from analyzer.values.amounts import BITS
from analyzer.values.gate_results import BudgetLine, Difference
from analyzer.values.results import Analysis


@dataclass(frozen=True, slots=True)
class Totals:
    """What ticks change, exactly."""

    params: Wire
    macs: Wire | None
    bytes: Wire
    itemsize: int | None
    """Bytes of each parameter; None where they differ."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An absolute limit on a total that ticks change."""

    bar: int
    """The number of its bar."""
    metric: str
    limit: Wire


@dataclass(frozen=True, slots=True)
class Roof:
    """What a device does at most: FLOP/s in a data type, and bytes/s."""

    peak: float
    bandwidth: float
    dtype: str


@dataclass(frozen=True, slots=True)
class PageModel:
    """One model."""

    name: int
    target: int
    command: tuple[str, ...]
    """The words of the command that analysed it, as far as an analysis knows them; none where Python code did."""
    totals: Totals
    itemsize: int
    """Bytes of an element of activations."""
    inputs: tuple[tuple[int, ...], ...]
    device: str
    limits: tuple[Limit, ...]
    layers: LayerTree
    advice: Suggestions
    changes: Changes | None
    memory: MemoryCurve | None
    roof: Roof | None
    sizes: SizeSliders | None
    fit: TradeOff | None


@dataclass(frozen=True, slots=True)
class PageData:
    """All models, and the strings that their numbers refer to."""

    models: tuple[PageModel, ...]
    strings: list[str]


def page_data(analyses: Sequence[Analysis], differences: Sequence[Difference | None]) -> PageData:
    """What the page of these analyses embeds, each with how it differs from what it is compared with."""
    strings = Strings()
    pairs = zip(analyses, differences, strict=True)
    return PageData(tuple(_model(analysis, difference, strings) for analysis, difference in pairs), strings.texts)


def _model(analysis: Analysis, difference: Difference | None, strings: Strings) -> PageModel:
    time = analysis.estimates.time if analysis.estimates else None
    return PageModel(
        name=strings.place(analysis.model.name),
        target=strings.place(analysis.model.target),
        command=tuple(command(analysis)),
        totals=_totals(analysis),
        itemsize=BITS.get(time.dtype, 32) // 8 if time else 4,
        inputs=tuple(given.shape for given in analysis.inputs),
        device=time.device if time else "",
        limits=tuple(_limits(analysis.budget)),
        layers=layer_tree(analysis, strings),
        advice=suggestions(analysis, strings),
        changes=changes(difference, strings),
        memory=memory_curve(analysis, strings),
        roof=Roof(time.peak, time.bandwidth, time.dtype) if time and time.peak else None,
        sizes=sizes(analysis.scaling, strings),
        fit=trade_off(analysis.fit, strings),
    )


def command(analysis: Analysis) -> list[str]:
    """The command that analyses this model with these inputs; arguments of a builder are not known here.

    Empty for a module that Python code had: its target is its name, which no command finds.
    """
    if analysis.model.target == analysis.model.name:
        return []
    shapes = ("x".join(map(str, given.shape)) + f":{given.dtype}" for given in analysis.inputs if given.shape)
    names = (f"{given.name}=" if len(analysis.inputs) > 1 else "" for given in analysis.inputs if given.shape)
    inputs = [word for name, text in zip(names, shapes, strict=True) for word in ("--input", name + text)]
    weights = ["--checkpoint", analysis.model.checkpoint] if analysis.model.checkpoint else []
    return ["analyze", analysis.model.target, *inputs, *weights]


def _totals(analysis: Analysis) -> Totals:
    whole = analysis.total
    size, rest = divmod(whole.param_bytes, whole.params) if whole.params else (0, 1)
    return Totals(wire(whole.params), known(whole.macs), wire(whole.param_bytes), None if rest else size)


def _limits(lines: Sequence[BudgetLine]) -> list[Limit]:
    """Those on all layers that a set of changes can be held to."""
    return [
        Limit(place, line.metric, wire(line.limit))
        for place, line in enumerate(lines)
        if line.limit is not None and line.value is not None and line.match == "*"
        if line.metric in ("params", "macs", "size") and line.status in ("pass", "fail", "drift")
    ]
