"""Annotations that GitHub shows at the lines of a pull request, as workflow commands."""

import re
from collections.abc import Iterator, Sequence

from analyzer.formats.ci.findings import LocatedFinding, findings, is_on_budget
from analyzer.formats.wording.log_text import without_control
from analyzer.formats.wording.numbers import plural
from analyzer.values.results import Analysis

MAX_A_LEVEL = 10
"""GitHub drops what a step says beyond so many of a level."""
LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def render(analyses: Sequence[Analysis], folder: str = "") -> str:
    """One command a line, of all models together: the limits hold for the step, not for a model.

    `folder` is the working directory as seen from the repository's root.
    """
    found = _joined(findings(analyses, folder))
    by_level = ([pair for pair in found if pair[0].level == level] for level in LEVELS)
    return "".join(line for same in by_level for line in _commands(same))


def _joined(found: Sequence[LocatedFinding]) -> list[tuple[LocatedFinding, int]]:
    """Advice by one rule at one line is one annotation, that of the first, with the number of the others."""
    groups: dict[object, list[LocatedFinding]] = {}
    for item in found:
        key = item.fingerprint if is_on_budget(item) else (item.code, item.level, item.file, item.line)
        groups.setdefault(key, []).append(item)
    return [(same[0], len(same) - 1) for same in groups.values()]


def _commands(ranked: Sequence[tuple[LocatedFinding, int]]) -> Iterator[str]:
    shown = ranked[:MAX_A_LEVEL]
    for position, (item, others) in enumerate(shown):
        message = item.message
        message += f" (And {plural(others, 'other layer')} built at this line.)" if others else ""
        if position == len(shown) - 1 and len(ranked) > len(shown):
            message += f" (Showing {len(shown)} of {len(ranked)} of this level.)"
        yield _command(item, message)


def _command(item: LocatedFinding, message: str) -> str:
    properties = {"title": f"{item.code} {item.name}", "file": item.file, "line": item.line}
    escaped = {name: _data(str(value)).replace(":", "%3A").replace(",", "%2C") for name, value in properties.items()}
    given = ",".join(f"{name}={escaped[name]}" for name, value in properties.items() if value is not None)
    return f"::{LEVELS[item.level]} {given}::{_data(message)}\n"


def _data(text: str) -> str:
    """As the runner unescapes it."""
    lines = re.split("(\r|\n)", text.replace("%", "%25"))
    shown = "".join(line if line in ("\r", "\n") else without_control(line) for line in lines)
    return shown.replace("\r", "%0D").replace("\n", "%0A")
