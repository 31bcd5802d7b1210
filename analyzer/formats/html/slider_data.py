"""What a page's sliders move: sizes of the inputs along exact formulas, and the plans of a fit."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.formats.html.embedding import Strings, Wire, known, short, wire
from analyzer.formats.wording import cost_formulas, fit_wording
from analyzer.values.fit_results import Fit
from analyzer.values.scaling import Dimension, Polynomial, Scaling


@dataclass(frozen=True, slots=True)
class Formula:
    """A polynomial over the lattice: each term is its coefficient and the power of every size, over the denominator."""

    denominator: Wire
    terms: tuple[tuple[Wire, ...], ...]


@dataclass(frozen=True, slots=True)
class Slider:
    """A size, `offset + period · step` for the steps from the first to the last."""

    name: str
    period: int
    offset: int
    first: int
    last: int
    start: int
    """The step of the example; the first one where the example lies outside."""


@dataclass(frozen=True, slots=True)
class SizeSliders:
    """The totals as formulas of the sliders' steps; None for what is none."""

    sliders: tuple[Slider, ...]
    macs: Formula | None
    other: Formula | None
    elements: Formula | None
    peaks: tuple[Formula, ...]
    """The peak is the largest of these; empty where it has no formula."""
    formulas: tuple[tuple[int, int], ...]
    """Title and formula of each total as text."""
    remarks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TradeOffPoint:
    """One point of a trade-off."""

    value: Wire
    """What is left of the metric."""
    share: float
    params: Wire
    macs: Wire
    harm: float
    layers: int
    is_knee: bool


@dataclass(frozen=True, slots=True)
class TradeOff:
    """The plans of a fit, and what was said of the one that was carried out; texts are places of strings."""

    metric: str
    measure: str
    plans: tuple[TradeOffPoint, ...]
    chosen: Wire
    """What is left of the metric in the model that was made."""
    headline: int
    remarks: tuple[int, ...]
    rows: tuple[tuple[int, int, Wire, Wire, float], ...]
    """Path, what it is now, parameters and MACs saved, predicted harm of each changed layer."""


def sizes(scaling: Scaling | None, strings: Strings) -> SizeSliders | None:
    """The formulas as the page evaluates them; None where there are none."""
    if scaling is None or scaling.macs is None:
        return None
    text = strings.place
    return SizeSliders(
        sliders=tuple(map(_slider, scaling.dimensions)),
        macs=_formula(scaling.macs),
        other=_formula(scaling.other_flops),
        elements=_formula(scaling.activation_elements),
        peaks=tuple(found for found in map(_formula, scaling.peak_activation_bytes) if found),
        formulas=tuple((text(title), text(formula)) for title, formula in cost_formulas.rows(scaling)),
        remarks=tuple(map(text, cost_formulas.remarks(scaling))),
    )


def _slider(size: Dimension) -> Slider:
    first, last = (-(-(size.least - size.offset) // size.period), (size.most - size.offset) // size.period)
    start, rest = divmod(size.example - size.offset, size.period)
    is_known = not rest and first <= start <= last
    return Slider(size.name, size.period, size.offset, first, last, start if is_known else first)


def _formula(polynomial: Polynomial | None) -> Formula | None:
    if polynomial is None:
        return None
    terms = tuple((wire(term.coefficient), *term.powers) for term in polynomial.terms)
    return Formula(wire(polynomial.denominator), terms)


def trade_off(fit: Fit | None, strings: Strings) -> TradeOff | None:
    """The curve of a fit; None for a model that was not fitted."""
    if fit is None or not fit.curve:
        return None
    text, budget = strings.place, fit.budgets[0]
    return TradeOff(
        metric=budget.metric,
        measure=fit.measure,
        plans=tuple(
            TradeOffPoint(
                wire(point.value),
                short(point.share),
                wire(point.params),
                wire(point.macs),
                short(point.harm),
                point.layers,
                point.is_knee,
            )
            for point in fit.curve
        ),
        chosen=known(budget.traced) or wire(budget.promised),
        headline=text(fit_wording.headline(fit)),
        remarks=tuple(map(text, fit_wording.sentences(fit))),
        rows=tuple(
            (text(layer.path), text(layer.label), wire(layer.saved_params), wire(layer.saved_macs), short(layer.harm))
            for layer in sorted(fit.layers, key=lambda layer: -layer.harm)
        ),
    )
