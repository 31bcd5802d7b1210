"""What is said of a model that was fitted to budgets."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.formats.wording.numbers import plural
from analyzer.values.fit_results import Fit, FitBudget

UNITS = {"size": " bytes", "peak-memory": " bytes", "latency": " ns (estimated)"}
"""What amounts of a metric are in; parameters and MACs are numbers."""


def harm(value: float) -> str:
    """Two digits, from a thousandth up without an exponent."""
    return "0" if value == 0 else f"{value:.2g}"


def budget_row(budget: FitBudget) -> tuple[str, ...]:
    """Metric, what was asked for, and the integers."""
    numbers = (budget.limit, budget.before, budget.promised, budget.traced)
    unit = UNITS.get(budget.metric, "")
    return budget.metric, budget.asked, *("unknown" if n is None else f"{n:,}{unit}" for n in numbers)


def headline(fit: Fit) -> str:
    """One line: what was asked, what is left, what it cost."""
    asked = ", ".join(f"{budget.metric} {budget.asked}" for budget in fit.budgets)
    same = "" if fit.agreement is None else f", same class for {fit.agreement:.1%} of {plural(fit.held_out, 'input')}"
    guess = " (a guess)" if fit.is_guess or fit.is_untrained else ""
    done = f"{plural(len(fit.layers), 'layer')} changed, {fit.measure} {harm(fit.measured_harm)}"
    return f"fitted to {asked}: {done}{same}{guess}"


def sentences(fit: Fit) -> Iterator[str]:
    """What was measured, how far the prediction was off, how sure the plan is, and what was assumed."""
    yield _measured(fit)
    off = fit.predicted_harm - fit.measured_harm
    yield (
        f"The plan's predicted harm, the sum over its layers changed one at a time, is {harm(fit.predicted_harm)}: "
        f"{harm(abs(off))} {'above' if off >= 0 else 'below'} what was measured of the whole."
    )
    sure = "proved to be the least there is" if fit.gap <= 1e-4 else f"within {fit.gap:.1%} of the least there is"
    yield f"Among all combinations of choices its predicted harm is {sure}; that says nothing of the accuracy itself."
    if fit.exports:
        yield f"The fitted model was exported by {' and to '.join(fit.exports)}."
    if fit.recalibrated:
        yield "The statistics of batch normalizations were set anew, as that brought the output nearer."
    if fit.rectified:
        yield (
            f"{plural(fit.rectified, 'layer')} of these were fitted to what the ReLU after them lets through, where "
            "that brought the model's output nearer than plain least squares."
        )
    yield from (f"{text[:1].upper()}{text[1:]}." for text in fit.assumptions)


def _measured(fit: Fit) -> str:
    inputs = plural(fit.held_out, "input")
    same = "" if fit.agreement is None else f"; both models choose the same class for {fit.agreement:.1%} of them"
    return (
        f"On {inputs} held out of {fit.source}, the {fit.measure} of the fitted model's output from the original's is "
        f"{harm(fit.measured_harm)}{same}. Weights were fitted to {plural(fit.samples, 'other input')}, without labels."
    )
