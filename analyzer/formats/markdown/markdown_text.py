"""Markdown's small pieces: names in code spans, escaped sentences, tables."""

import re
from collections.abc import Iterable, Sequence

from analyzer.formats.wording.numbers import ITSELF, located

Row = Sequence[str]

SPECIAL = re.compile(r"[\\`*\[\]<>&]|(?<!\w)_|_(?!\w)")
CODE_SPAN = re.compile(r"(`[^`]+`)")
PADDING = re.compile(r"(?<=\|) {2,}| {2,}(?=\|)")
NO_BREAK = "\u00a0"
MAX_NAMES = 3
MAX_ALIGNED_ROWS = 400
"""Longer tables are written without padding, which would double the file."""


def code(text: str) -> str:
    """The text in a code span whose fence is longer than any run of backticks in it."""
    line = _one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    gap = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{gap}{line}{gap}{fence}"


def prose(text: str) -> str:
    """A sentence with its code spans kept and everything else that markdown would read as markup escaped."""
    parts = CODE_SPAN.split(_one_line(text))
    return "".join(part if index % 2 else SPECIAL.sub(r"\\\g<0>", part) for index, part in enumerate(parts))


def table(columns: str, rows: Sequence[Row]) -> str:
    """A GitHub table; a column's title ends with ":" when it is right-aligned; columns without text are dropped."""
    import tabulate

    if not rows:
        return ""
    # Else columns would be padded otherwise wherever wcwidth happens to be installed.
    tabulate.WIDE_CHARS_MODE = False
    titles = columns.split("|")
    kept = [index for index in range(len(titles)) if any(row[index] for row in rows)]
    text: str = tabulate.tabulate(
        [[_cell(row[index], titles[index]) for index in kept] for row in rows],
        headers=[titles[index].removesuffix(":") for index in kept],
        colalign=["right" if titles[index].endswith(":") else "left" for index in kept],
        tablefmt="pipe",
        disable_numparse=True,
    )
    return text if len(rows) <= MAX_ALIGNED_ROWS else PADDING.sub(" ", text)


def _cell(text: str, title: str) -> str:
    """Pipes escaped, in code spans too; a number is never broken before its unit."""
    escaped = text.replace("|", "\\|")
    return escaped.replace(" ", NO_BREAK) if title.endswith(":") else escaped


def named(path: str) -> str:
    """A layer's name, or that it is the model itself."""
    return code(path) if path else ITSELF


def paragraphs(*parts: str) -> str:
    """Those that are not empty, one below the other."""
    return "\n\n".join(filter(None, parts))


def bullets(sentences: Iterable[str]) -> str:
    """A list of sentences."""
    return "\n".join(f"- {prose(sentence)}" for sentence in sentences)


def details(summary: str, body: str) -> str:
    """A section that is folded until it is clicked."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def placed(paths: Sequence[str], file: str | None = None, line: int | None = None) -> str:
    """The first few layers' names above where the first is written, in one cell."""
    name = ", ".join(map(named, paths[:MAX_NAMES]))
    name += f" and {len(paths) - MAX_NAMES:,} more" if len(paths) > MAX_NAMES else ""
    return f"{name}<br>{code(located(file, line))}" if file else name


def cut(text: str, most: int, rest: str) -> str:
    """The text in at most so many bytes: cut after a whole line, what is folded closed again, `rest` put below."""
    if len(text.encode()) <= most:
        return text
    ending = f"\n</details>\n\n{rest}\n"
    room, kept = most - len(ending.encode()), 0
    lines = text.splitlines(keepends=True)
    for line in lines:
        room -= len(line.encode())
        if room < 0:
            break
        kept += 1
    head = "".join(lines[:kept]).rstrip("\n") + "\n"
    is_open = head.count("<details>") > head.count("</details>")
    return head + (ending if is_open else f"\n{rest}\n")
