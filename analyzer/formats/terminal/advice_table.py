"""Advice on a terminal: what to do, the proposals that save most, and how much else there is to read."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analyzer.formats.terminal.console_text import ROOMY, numbered, path, source, styled, table
from analyzer.formats.wording import suggestions
from analyzer.formats.wording.fit_wording import harm
from analyzer.formats.wording.numbers import count, plural, share
from analyzer.values.advice import Advice
from analyzer.values.counts import Total
from analyzer.values.results import Analysis

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

TOP = 5
SOURCED = 100
"""Columns from which on the table of advice has sources: else they would be squeezed to a few letters."""
HARMED = 72
"""Columns from which on it has measured harms, for the same reason."""
NARROWER = 40
"""Columns that the table of advice leaves less room for sources."""
TITLES = ("could be restructured", "", "parameters saved:", "MACs saved:")
NARROW_TITLES = ("suggestion", *TITLES[1:])
LISTING = (".md", ".json")
"""Reports that list all advice."""


def parts(analysis: Analysis, width: int, written: Sequence[str]) -> Iterator["str | Text | Table"]:
    """The steps of the plan, the proposals that save most, what all together save, and where the rest is."""
    if not analysis.advice:
        return
    found = [advice for advice in analysis.advice if advice.proposed is not None]
    shown = suggestions.alike(found)[:TOP]
    yield ""
    steps = suggestions.what_to_do(analysis)
    if steps:
        yield numbered(steps)
    yield _table(analysis, shown, width) if found else "nothing to restructure"
    rest = _rest(analysis, len(found) - sum(map(len, shown)), written)
    if rest:
        yield styled(rest, "dim")


def _table(analysis: Analysis, shown: Sequence[Sequence[Advice]], width: int) -> "Table":
    """With a column of harms where they were measured, and of sources where there is room for them."""
    titles = TITLES if width >= SOURCED else NARROW_TITLES
    cells = (_cells(group, analysis.total, width) for group in shown)
    columns = [[*column] for column in zip(titles, *cells, strict=True)]
    if analysis.harm_measurement is not None and width >= HARMED:
        columns.append(["harm:", *("" if g[0].harm is None else harm(g[0].harm) for g in shown)])
    if width >= SOURCED:
        columns.append(["source", *(source(group[0], width - NARROWER) for group in shown)])
    head, *rows = zip(*columns, strict=True)
    return table(head, rows)


def _cells(group: Sequence[Advice], total: Total, width: int) -> tuple[str, ...]:
    """One proposal; "+2" counts the layers of which the same is said, and the numbers are for each."""
    advice = group[0]
    params, macs = (advice.saved.params, advice.saved.macs) if advice.saved else (0, 0)
    others = f" +{len(group) - 1}" if len(group) > 1 else ""
    return (
        f"{advice.rule} {advice.name}" if width >= ROOMY else advice.rule,
        path(advice, width) + others,
        _saved(params, total.params),
        _saved(macs, total.macs),
    )


def _saved(value: int, whole: int | None) -> str:
    return f"{count(value)}, {'-' if value < 0 else ''}{share(abs(value), whole)}" if value else "0"


def _rest(analysis: Analysis, hidden: int, written: Sequence[str]) -> str:
    """What all together saves, how much else there is, and where that is to be read."""
    facts, taken = len(suggestions.of_step(analysis, None)), analysis.together
    rest = [plural(number, noun) for number, noun in ((hidden, "more proposal"), (facts, "fact")) if number]
    is_listed = any(path.endswith(LISTING) for path in written)
    where = "in the report" if is_listed else "with --output report.md"
    said = [f"{' and '.join(rest)} {where}"] if rest else []
    if taken:
        gain = suggestions.savings(taken.saved, analysis.total)
        said.insert(0, f"together, in {plural(taken.layers, 'layer')}: {gain}")
    return "; ".join(said)
