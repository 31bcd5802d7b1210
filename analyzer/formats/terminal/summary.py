"""A summary that fits a terminal."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from analyzer.formats.terminal import advice_table, gate_table
from analyzer.formats.terminal.console_text import path, rendered, source, styled, table
from analyzer.formats.wording import (
    cost_formulas,
    durations,
    fit_wording,
    rewriting_wording,
    second_opinions,
    sentences,
    shown_layers,
    step_words,
    training_words,
)
from analyzer.formats.wording.numbers import count, plural, ratio, share, size
from analyzer.values.comparison import compare
from analyzer.values.counts import Layer
from analyzer.values.gate_results import COMPARISON
from analyzer.values.results import Analysis

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

TOP = 5
WIDE = 400
"""Columns where there is no terminal to fit: nothing is cut or wrapped."""
MAX_LISTED = 5
MAX_NAME = 28


def render(analyses: Sequence[Analysis], width: int = WIDE, colour: bool = False, written: Sequence[str] = ()) -> str:
    """Facts, the heaviest layers, what is missing, and where the reports are; `colour` for a terminal only.

    Of several models one row each, with ratios against the first.
    """
    parts = _parts(analyses[0], width, written) if len(analyses) == 1 else _compared(analyses, written)
    return rendered(parts, width, colour)


def _parts(analysis: Analysis, width: int, written: Sequence[str]) -> Iterator["str | Text | Table"]:
    total = analysis.total
    yield styled(analysis.model.name, "bold")
    yield from gate_table.parts(analysis, width)
    yield " · ".join(f"{fact.headline} {fact.detail}".rstrip() for fact in sentences.facts(analysis))
    yield from _assumptions(analysis.model.assumptions)
    yield from _fits_and_rewritings((analysis,))
    yield from _heaviest(analysis, width, "parameters", lambda layer: layer.params, total.params)
    yield from _heaviest(analysis, width, "MACs", lambda layer: layer.macs, total.macs)
    yield from _formulas(analysis)
    yield from _steps(analysis)
    yield from advice_table.parts(analysis, width, written)
    yield from _second_opinions(analysis)
    if analysis.training is not None:
        yield ""
        yield training_words.summary(analysis.training)
    if analysis.latency is not None:
        yield ""
        yield from durations.summary(analysis.latency)
    yield from _warnings(analysis)
    yield from _written(written)


def _second_opinions(analysis: Analysis) -> Iterator["str | Table"]:
    """A row for each other counter, then why they differ."""
    if not analysis.reconciliation:
        return
    ours = analysis.total.macs
    rows = (second_opinions.row(item, ours) for item in analysis.reconciliation)
    yield ""
    # Ours in short, and no long names: the numbers must fit a narrow terminal.
    shown = [(name[:MAX_NAME], printed, count(ours), apart) for name, printed, _, apart in rows]
    yield table(second_opinions.TITLES, shown)
    yield from second_opinions.causes(analysis.reconciliation, ours)
    yield from filter(None, [second_opinions.told_apart(analysis.reconciliation)])


def _formulas(analysis: Analysis) -> Iterator["str | Text | Table"]:
    """Costs as formulas, and the totals at other sizes."""
    if analysis.scaling is None:
        return
    yield ""
    yield from (f"{name}: {text}" for name, text in cost_formulas.rows(analysis.scaling))
    yield f"exact for {'; '.join(cost_formulas.lattices(analysis.scaling))}"
    yield from (styled(remark, "yellow") for remark in cost_formulas.remarks(analysis.scaling))
    yield from cost_formulas.crossovers(analysis)
    rows = [
        (
            cost_formulas.sizes(sized.sizes),
            *(count(sized.total.macs), count(sized.total.other_flops)),
            size(sized.total.peak_activation_bytes),
        )
        for sized in analysis.sizes
    ]
    if rows:
        yield table(("at", "MACs:", "other FLOPs:", "peak activations:"), rows)


def _steps(analysis: Analysis) -> Iterator["str | Text | Table"]:
    """What is kept between steps, and the two steps side by side."""
    if analysis.steps is None:
        return
    yield ""
    yield from step_words.sentences(analysis.steps)
    prefill, decode = step_words.titles(analysis.steps)
    yield table(("", f"{prefill}:", f"{decode}:"), step_words.rows(analysis.steps))
    yield step_words.ridge(analysis.steps)


def _compared(analyses: Sequence[Analysis], written: Sequence[str]) -> Iterator["str | Text | Table"]:
    for analysis in analyses:
        yield from gate_table.one_line(analysis)
    compared = compare(analyses)
    first = compared[0]
    rows = (
        (
            row.name,
            *(count(row.params), ratio(row.params, first.params)),
            *(count(row.macs), ratio(row.macs, first.macs)),
            size(row.param_bytes),
            "complete" if row.complete else "incomplete",
        )
        for row in compared
    )
    yield table(("model", "parameters:", "ratio:", "MACs:", "ratio:", "size:", ""), rows)
    yield from _fits_and_rewritings(analyses)
    yield from durations.in_turns(analyses)
    yield from _written(written)


def _assumptions(assumptions: Sequence[str]) -> Iterator["Text"]:
    """What was guessed stands above the numbers that follow from it."""
    for sentence in assumptions[:MAX_LISTED]:
        yield styled(f"assumed: {sentence}", "yellow")
    hidden = len(assumptions) - MAX_LISTED
    if hidden > 0:
        yield styled(f"assumed: {hidden} more, in the report", "yellow")


def _fits_and_rewritings(analyses: Sequence[Analysis]) -> Iterator[str]:
    """What was fitted and applied, and how far each layer and the whole model are off."""
    yield from (fit_wording.headline(analysis.fit) for analysis in analyses if analysis.fit is not None)
    for analysis in analyses:
        if analysis.rewriting is not None:
            yield f"{analysis.model.name}: {rewriting_wording.headline(analysis.rewriting)}"
            yield from (f"  {line}" for line in rewriting_wording.lines(analysis.rewriting))


def _written(written: Sequence[str]) -> Iterator["Text"]:
    return (styled(f"written to {file}", "dim") for file in written)


def _heaviest(
    analysis: Analysis, width: int, title: str, weight: Callable[[Layer], int | None], whole: int | None
) -> Iterator["str | Table"]:
    top, others, rest = shown_layers.heaviest(analysis.layers, weight, TOP)
    if not top:
        return

    def numbers(value: int | None) -> tuple[str, str]:
        return count(value), share(value, whole)

    rows = [(path(layer, width), layer.kind, *numbers(weight(layer)), source(layer, width)) for layer in top]
    if others:
        rows.append((plural(others, "more layer"), "", *numbers(rest), ""))
    yield ""
    yield table((f"heaviest by {title}", "", f"{title}:", "share:", "source"), rows)


def _warnings(analysis: Analysis) -> Iterator["str | Text"]:
    uncounted = [f"{item.operator}, {plural(item.calls, 'call')}: {item.reason}" for item in analysis.uncounted]
    found = _listed("not counted", "operator", uncounted)
    absent = [sentences.absence(item) for item in analysis.absences if item.what != COMPARISON]
    found += _listed("left out", "fact", absent)
    if analysis.never_run:
        unused = sum(module.params for module in analysis.never_run)
        found.append(f"never run: {count(unused)} parameters in {plural(len(analysis.never_run), 'module')}")
    if found:
        yield ""
    yield from (styled(warning, "yellow") for warning in found)


def _listed(label: str, noun: str, items: Sequence[str]) -> list[str]:
    """The first few, each on a line of its own, and how many more there are."""
    hidden = len(items) - MAX_LISTED
    rest = [plural(hidden, f"more {noun}")] if hidden > 0 else []
    return [f"{label}: {item}" for item in (*items[:MAX_LISTED], *rest)]
