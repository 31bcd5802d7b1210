"""What stands at the top of a page: each total, and each budget with how much of it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from analyzer.formats.wording import verdict
from analyzer.formats.wording.durations import duration
from analyzer.formats.wording.limit_rows import LimitRow, limit_rows
from analyzer.formats.wording.numbers import count, exact, size
from analyzer.formats.wording.quantities import joules, seconds, span
from analyzer.values.gate_results import BudgetLine
from analyzer.values.results import Analysis


class Card(NamedTuple):
    """One total as text."""

    key: str
    """By which scripts find it; empty for what they never change."""
    title: str
    short: str
    exact: str
    note: str = ""


class Bar(NamedTuple):
    """One limit and how much of it is used."""

    row: LimitRow
    status: str
    """"pass", "fail", "drift", "off" or "unknown"."""
    used: int | None
    """Percent of the limit, rounded up; None where there is none."""
    width: int
    """Percent of the bar that is filled: a limit that is exceeded stands within it."""
    mark: int
    """Where the limit stands, in percent of the bar."""
    metric: str
    whole: bool
    """Whether the limit is on all layers."""


def cards(analysis: Analysis) -> Iterator[Card]:
    """Parameters, work, memory, and what is estimated; what is unknown says so."""
    whole = analysis.total
    frozen = whole.params - whole.trainable_params
    least = "" if analysis.complete or whole.macs is None else "at least "
    yield Card(
        "params", "Parameters", count(whole.params), exact(whole.params), f"{count(frozen)} frozen" if frozen else ""
    )
    yield Card("macs", "MACs", f"{least}{count(whole.macs)}", exact(whole.macs), f"{count(whole.flops)} FLOPs, 2 each")
    yield Card("bytes", "Size", size(whole.param_bytes), f"{exact(whole.param_bytes)} B", "bytes of parameters")
    peak = whole.peak_activation_bytes
    if peak is not None:
        yield Card("", "Peak activations", size(peak), f"{exact(peak)} B", "held at once, inputs and weights left out")
    timed = analysis.latency.model if analysis.latency else None
    if timed is not None:
        yield Card("", "Time, measured", duration(timed.median), "", timed.noise or f"IQR {duration(timed.iqr)}")
    yield from _estimated(analysis)


def _estimated(analysis: Analysis) -> Iterator[Card]:
    estimates = analysis.estimates
    if estimates is None:
        return
    yield Card("", "Time, estimated", span(estimates.time.seconds, seconds), "", f"on {estimates.time.device}")
    if estimates.energy:
        yield Card(
            "", "Energy, estimated", span(estimates.energy.span, joules), "", "an inference, to an order of magnitude"
        )


def bars(analysis: Analysis) -> list[Bar]:
    """A bar for each limit, in the order of the budget."""
    rows = limit_rows(analysis)
    return [
        _bar(row, line) for row, line in zip(rows[len(rows) - len(analysis.budget) :], analysis.budget, strict=True)
    ]


def _bar(row: LimitRow, line: BudgetLine) -> Bar:
    used = None if line.value is None or not line.limit else -(-100 * line.value // line.limit)
    scale = max(100, used or 0)
    return Bar(
        row=row,
        status=verdict.outcome(line),
        used=used,
        width=100 * (used or 0) // scale,
        mark=100 * 100 // scale,
        metric=line.metric,
        whole=line.match == "*",
    )
