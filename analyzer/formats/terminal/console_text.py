"""What rich prints as plain text: parts, tables and cells that fit a width."""

from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from analyzer.formats.wording.log_text import one_line
from analyzer.formats.wording.numbers import ITSELF, located
from analyzer.values.advice import Advice
from analyzer.values.counts import Layer

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

ROOMY = 110
"""Columns from which on a source is shown with its folders."""


def rendered(parts: Iterable[Any], width: int, colour: bool) -> str:
    """The parts (`str`, `Text` or `Table`) one below the other, at most `width` columns wide.

    A string becomes one line of plain text: markup and control characters in it have no effect.
    """
    from rich.console import Console

    file = StringIO()
    system: Literal["standard"] | None = "standard" if colour else None
    console = Console(file=file, width=width, force_terminal=colour, color_system=system, highlight=False)
    for part in parts:
        console.print(styled(part) if isinstance(part, str) else part)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def styled(text: str, style: str = "") -> "Text":
    """One line of text; names in it may look like markup."""
    from rich.text import Text

    return Text(one_line(text), style)


def numbered(lines: Sequence[str]) -> "Table":
    """A numbered list; what does not fit on a line goes on below its first word."""
    from rich.table import Table

    made = Table.grid(padding=(0, 1))
    made.add_column(no_wrap=True)
    made.add_column()
    for number, line in enumerate(lines, 1):
        made.add_row(f"{number}.", styled(line))
    return made


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> "Table":
    """Rows of plain text below their titles; columns whose title ends in a colon hold numbers."""
    from rich.table import Table

    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in titles:
        # Only sources are folded in a narrow terminal: numbers must not lose digits.
        justify: Literal["left", "right"] = "right" if title.endswith(":") else "left"
        made.add_column(title.removesuffix(":"), justify=justify, no_wrap=title != "source", overflow="fold")
    for row in rows:
        made.add_row(*map(styled, row))
    return made


def path(layer: Layer | Advice, width: int) -> str:
    """The path, cut at its beginning: by its end layers are distinguished, so a narrow table must not cut that."""
    whole = layer.path or ITSELF
    most = max(16, width // 3 - 4)
    return whole if len(whole) <= most else f"…{whole[1 - most :]}"


def source(layer: Layer | Advice, width: int) -> str:
    """File and line, the file without its folders below `ROOMY` columns; empty where it is not known."""
    if layer.file is None:
        return ""
    return located(layer.file if width >= ROOMY else PurePath(layer.file).name, layer.line)
