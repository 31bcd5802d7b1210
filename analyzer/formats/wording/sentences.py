"""What every report says in words: the facts, how they were found, and under which conventions."""

from typing import NamedTuple

from analyzer.formats.wording.numbers import count, exact, plural, shape, size
from analyzer.values.counts import Absence, Input
from analyzer.values.results import Analysis

CONVENTIONS = (
    "1 MAC is one multiply-add of a contraction (convolution, linear, matrix product, attention) and 2 FLOPs; "
    "bias, normalization, activation, pooling and elementwise work are other FLOPs.",
    "Work is for the whole input as given, batch included; a parameter that several layers share is counted once, "
    "for the first of them; a layer's numbers leave out its children's.",
)
MAX_INPUTS = 4


class Fact(NamedTuple):
    """What matters at first sight, and what belongs to it."""

    headline: str
    detail: str = ""


def facts(analysis: Analysis) -> tuple[Fact, ...]:
    """Parameters, MACs, size, input, and whether anything is missing."""
    total = analysis.total
    found = [
        Fact(f"{count(total.params)} parameters", _all_digits(total.params)),
        _work(analysis),
        Fact(size(total.param_bytes), "of parameters"),
    ]
    found += [Fact("input", inputs(analysis))] if analysis.inputs else []
    return (*found, Fact(status(analysis)))


def _work(analysis: Analysis) -> Fact:
    macs = analysis.total.macs
    if macs is None:
        return Fact("MACs unknown")
    headline = f"{count(macs)} MACs"
    return Fact(headline if analysis.complete else f"at least {headline}", _all_digits(macs))


def _all_digits(value: int) -> str:
    return f"({exact(value)})" if value >= 1000 else ""


def status(analysis: Analysis) -> str:
    """Whether the count is complete, and if not how many operators are missing."""
    if analysis.tracing.mode is None:
        return "parameters only: nothing was run"
    if analysis.complete:
        return "complete"
    return f"incomplete: {plural(len(analysis.uncounted), 'operator')} not counted"


def inputs(analysis: Analysis) -> str:
    """Every input's shape and type, with its name where there are several."""
    given = analysis.inputs
    if not given:
        return "none"
    shown = [_input(item, named=len(given) > 1) for item in given[:MAX_INPUTS]]
    rest = [f"{len(given) - MAX_INPUTS} more"] if len(given) > MAX_INPUTS else []
    return ", ".join(shown + rest)


def _input(given: Input, named: bool) -> str:
    text = f"{shape(given.shape)} {given.dtype}"
    return f"{given.name} {text}" if named and given.name else text


def tracing(analysis: Analysis) -> str:
    """Which backend was needed, and why."""
    mode, operators, reason = analysis.tracing.mode, analysis.tracing.operators, analysis.tracing.reason
    because = f": {reason.rstrip('.')}." if reason else "."
    if mode is None:
        return f"Nothing was run{because}"
    ran = f"{plural(operators, 'operator')} ran"
    if mode == "real":
        return f"Counted for this input: {ran} for real{because}"
    if mode == "fake":
        return f"Traced on fake tensors, no weights needed ({ran}){because}"
    return f"Traced on meta tensors, no weights needed ({ran})."


def absence(item: Absence) -> str:
    """What is missing beside the count, at which layer, and why."""
    where = f" at {item.where}" if item.where else ""
    return f"{item.what}{where}: {item.reason}"
