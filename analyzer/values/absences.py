"""What stands beside the count is left out and named when it cannot be had; the count stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from traceback import walk_tb
from types import FrameType
from typing import TypeVar

from analyzer.values.counts import Absence
from analyzer.values.errors import Problem
from analyzer.values.graph import Op

Result = TypeVar("Result")
Default = TypeVar("Default")


@dataclass(frozen=True)
class Absences:
    """The absences of one analysis, in the order in which they were met."""

    found: list[Absence] = field(default_factory=list)

    def attempt(self, what: str, make: Callable[[], Result], otherwise: Default) -> Result | Default:
        """What `make` gives, or `otherwise` with a named absence when that fails; a Problem is for the user."""
        try:
            return make()
        except Problem:
            raise
        except Exception as error:
            self.found.append(named(what, error))
            return otherwise

    def note(self, what: str, where: str, reason: str) -> None:
        """Something that was left out on purpose: its work would not have been in proportion."""
        absence = Absence(what, where, reason)
        if absence not in self.found:
            self.found.append(absence)


def named(what: str, error: Exception) -> Absence:
    """The absence of what failed with this error; the test suite replaces this by raising the error."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    op = next(_operators(frames), None)
    code = frames[-1].f_code if frames else None
    place = f" in {PurePath(code.co_filename).name}, {code.co_name}" if code else ""
    following = f", following {op.packet}" if op else ""
    return Absence(what, op.layer if op else "", f"unexpected {type(error).__name__}: {error}{place}{following}")


def _operators(frames: list[FrameType]) -> Iterator[Op]:
    """The operators that were being followed, the innermost first."""
    found = (frame.f_locals.get("op") for frame in reversed(frames))
    return (op for op in found if isinstance(op, Op))
