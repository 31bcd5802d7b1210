"""A summary that fits a terminal."""

from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from analyzer.formats.wording import (
    durations,
    fit_wording,
    rewriting_wording,
    sentences,
    shown_layers,
    suggestions,
    verdict,
)
from analyzer.formats.wording.log_text import one_line
from analyzer.formats.wording.numbers import count, plural, ratio, share, size
from analyzer.values.advice import Advice
from analyzer.values.comparison import compare
from analyzer.values.counts import Layer, Uncounted
from analyzer.values.results import Analysis
from analyzer.values.timings import Latency

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

TOP = 5
WIDE = 400
"""Columns where there is no terminal to fit: nothing is cut or wrapped."""
MAX_LISTED = 5
ROOMY = 110
"""Columns from which on a source is shown with its folders."""
SOURCED = 100
"""Columns from which on the table of advice has sources: else they would be squeezed to a few letters."""
NARROWER = 40
"""Columns that the table of advice leaves less room for sources."""


def render(analysis: Analysis, width: int = WIDE, colour: bool = False, written: Sequence[str] = ()) -> str:
    """Facts, the heaviest layers, what is missing, and where the reports are; `colour` for a terminal only."""
    console = _console(width, colour)
    console.print(analysis.model.name, style="bold", markup=False)
    _print_verdict(console, analysis)
    console.print(_facts(analysis), markup=False)
    _print_assumptions(console, analysis.model.assumptions)
    _print_fits(console, (analysis,))
    _print_rewriting(console, (analysis,))
    total = analysis.total
    _print_heaviest(console, analysis, "parameters", lambda layer: layer.params, total.params)
    _print_heaviest(console, analysis, "MACs", lambda layer: layer.macs, total.macs)
    _print_advice(console, analysis, written)
    _print_latency(console, analysis.latency)
    for warning in _warnings(analysis):
        console.print(warning, style="yellow", markup=False)
    _print_written(console, written)
    return _text(console)


def render_comparison(
    analyses: Sequence[Analysis], width: int = WIDE, colour: bool = False, written: Sequence[str] = ()
) -> str:
    """One model a row, ratios against the first, and where the reports are."""
    table = _table("model", "parameters:", "ratio:", "MACs:", "ratio:", "size:", "")
    rows = compare(analyses)
    for row in rows:
        params = count(row.params), ratio(row.params, rows[0].params)
        macs = count(row.macs), ratio(row.macs, rows[0].macs)
        _add(table, row.name, *params, *macs, size(row.param_bytes), "complete" if row.complete else "incomplete")
    console = _console(width, colour)
    console.print(table)
    _print_fits(console, analyses)
    _print_rewriting(console, analyses)
    for sentence in durations.in_turns(analyses):
        console.print(sentence, markup=False)
    _print_written(console, written)
    return _text(console)


def _print_assumptions(console: "Console", sentences_said: Sequence[str]) -> None:
    """What was guessed stands above the numbers that follow from it."""
    for sentence in sentences_said[:MAX_LISTED]:
        console.print(f"assumed: {sentence}", style="yellow", markup=False)
    hidden = len(sentences_said) - MAX_LISTED
    if hidden > 0:
        console.print(f"assumed: {hidden} more, in the report", style="yellow", markup=False)


def _print_fits(console: "Console", analyses: Sequence[Analysis]) -> None:
    for analysis in analyses:
        if analysis.fit is not None:
            console.print(fit_wording.headline(analysis.fit), markup=False)


def _print_rewriting(console: "Console", analyses: Sequence[Analysis]) -> None:
    """What was applied, and how far each layer and the whole model are off."""
    for analysis in analyses:
        if analysis.rewriting is not None:
            console.print(f"{analysis.model.name}: {rewriting_wording.headline(analysis.rewriting)}", markup=False)
            for line in rewriting_wording.lines(analysis.rewriting):
                console.print(f"  {line}", markup=False)


def _print_latency(console: "Console", latency: Latency | None) -> None:
    """The model's time and a sentence for each rule, when it was timed."""
    if latency is None:
        return
    console.print()
    for sentence in durations.summary(latency):
        console.print(sentence, markup=False)


def _print_written(console: "Console", written: Sequence[str]) -> None:
    for path in written:
        console.print(f"written to {path}", style="dim", markup=False)


def _console(width: int, colour: bool) -> "Console":
    """A console into a string; what is printed as text is one line, whatever names hold."""
    from rich.console import Console

    class OneLineConsole(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            super().print(*(one_line(item) if isinstance(item, str) else item for item in objects), **options)

    system: Literal["standard"] | None = "standard" if colour else None
    return OneLineConsole(file=StringIO(), width=width, force_terminal=colour, color_system=system, highlight=False)


def _text(console: "Console") -> str:
    assert isinstance(console.file, StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def _facts(analysis: Analysis) -> str:
    facts = sentences.facts(analysis)
    return " · ".join(f"{fact.headline} {fact.detail}".rstrip() for fact in facts)


def _print_heaviest(
    console: "Console", analysis: Analysis, title: str, weight: Callable[[Layer], int | None], whole: int | None
) -> None:
    every = shown_layers.heaviest(analysis.layers, weight, len(analysis.layers))
    if not every:
        return
    table = _table(f"heaviest by {title}", "", f"{title}:", "share:", "source")
    for layer in every[:TOP]:
        value = weight(layer)
        _add(
            table,
            _path(layer, console.width),
            layer.kind,
            count(value),
            share(value, whole),
            _source(layer, console.width),
        )
    if len(every) > TOP:
        rest = shown_layers.total(map(weight, every[TOP:]))
        _add(table, sentences.together(len(every) - TOP, "layer"), "", count(rest), share(rest, whole), "")
    console.print()
    console.print(table)


STYLES = {"fail": "bold red", "unknown": "bold red", "drift": "yellow", "pass": "green"}


def _print_verdict(console: "Console", analysis: Analysis) -> None:
    """Each limit on a line of its own, the worst first; without limits, what changed against the base."""
    if not analysis.budget:
        said = verdict.headline(analysis)
        console.print(*([said] if said else []), end="\n" if said else "", markup=False)
    ranked = verdict.ranked(analysis.budget)
    for line in ranked:
        status = verdict.outcome(line)
        console.print(f"{status}: {verdict.line_sentence(line)}", style=STYLES.get(status), markup=False)
    for text in dict.fromkeys(text for line in ranked for text in verdict.said(line)):
        console.print(f"  {text}", markup=False)


def _print_advice(console: "Console", analysis: Analysis, written: Sequence[str]) -> None:
    """The proposals that save most, what all together save, and how much else there is to read."""
    if not analysis.advice:
        return
    found = [advice for advice in analysis.advice if advice.proposed is not None]
    shown = suggestions.alike(found)[:TOP]
    titles = ("could be restructured", "", "parameters saved:", "MACs saved:", "source")
    columns = len(titles) if console.width >= SOURCED else len(titles) - 1
    table = _table(*(titles if console.width >= SOURCED else ("suggestion", *titles[1:columns])))
    for group in shown:
        _add(table, *_advice_cells(group, analysis, console.width)[:columns])
    console.print()
    for number, line in enumerate(suggestions.what_to_do(analysis), 1):
        console.print(f"{number}. {line}", markup=False)
    console.print(table if found else "nothing to restructure")
    rest = _rest_of_advice(analysis, len(found) - sum(map(len, shown)), written)
    console.print(*([rest] if rest else []), end="\n" if rest else "", style="dim", markup=False)


def _advice_cells(group: Sequence[Advice], analysis: Analysis, width: int) -> tuple[str, ...]:
    """One proposal; "+2" counts the layers of which the same is said, and the numbers are for each."""
    advice, total = group[0], analysis.total
    params, macs = (advice.saved.params, advice.saved.macs) if advice.saved else (0, 0)
    others = f" +{len(group) - 1}" if len(group) > 1 else ""
    return (
        f"{advice.rule} {advice.name}" if width >= ROOMY else advice.rule,
        _path(advice, width) + others,
        f"{count(params)}, {_part(params, total.params)}" if params else "0",
        f"{count(macs)}, {_part(macs, total.macs)}" if macs else "0",
        _source(advice, width - NARROWER),
    )


def _part(value: int, whole: int | None) -> str:
    return ("-" if value < 0 else "") + share(abs(value), whole)


LISTING = (".md", ".json")
"""Reports that list all advice."""


def _rest_of_advice(analysis: Analysis, hidden: int, written: Sequence[str]) -> str:
    """What all together saves, how much else there is, and where that is to be read."""
    facts, taken = len(suggestions.facts(analysis)), analysis.together
    rest = [plural(number, noun) for number, noun in ((hidden, "more proposal"), (facts, "fact")) if number]
    is_listed = any(path.endswith(LISTING) for path in written)
    where = "in the report" if is_listed else "with --output report.md"
    said = [f"{' and '.join(rest)} {where}"] if rest else []
    if taken:
        gain = suggestions.savings(taken.saved, analysis.total)
        said.insert(0, f"together, in {plural(taken.layers, 'layer')}: {gain}")
    return "; ".join(said)


def _path(layer: Layer | Advice, width: int) -> str:
    """The end of the path tells layers apart; the source column may be cut, this one may not."""
    path = layer.path or "the model itself"
    most = max(16, width // 3 - 4)
    return path if len(path) <= most else f"…{path[1 - most :]}"


def _source(layer: Layer | Advice, width: int) -> str:
    if layer.file is None:
        return ""
    file = layer.file if width >= ROOMY else PurePath(layer.file).name
    return file if layer.line is None else f"{file}:{layer.line}"


def _warnings(analysis: Analysis) -> list[str]:
    found = _listed("not counted", "operator", [_uncounted(item) for item in analysis.uncounted])
    found += _listed("left out", "fact", [sentences.absence(item) for item in analysis.absences])
    idle = sum(module.params for module in analysis.never_run)
    modules = plural(len(analysis.never_run), "module")
    found += [f"never run: {count(idle)} parameters in {modules}"] if analysis.never_run else []
    return ["", *found] if found else []


def _uncounted(item: Uncounted) -> str:
    return f"{item.operator}, {plural(item.calls, 'call')}: {item.reason}"


def _listed(label: str, noun: str, items: Sequence[str]) -> list[str]:
    """The first few, each on a line of its own, and how many more there are."""
    hidden = len(items) - MAX_LISTED
    rest = [sentences.together(hidden, noun)] if hidden > 0 else []
    return [f"{label}: {item}" for item in (*items[:MAX_LISTED], *rest)]


def _table(*titles: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in titles:
        right = title.endswith(":")
        # Only sources are folded in a narrow terminal: numbers must not lose digits.
        table.add_column(
            title.removesuffix(":"), justify="right" if right else "left", no_wrap=title != "source", overflow="fold"
        )
    return table


def _add(table: "Table", *cells: str) -> None:
    """A row of plain text: names may look like markup."""
    from rich.text import Text

    table.add_row(*map(Text, map(one_line, cells)))
