"""The file that a sweep appends its rows to, and goes on from: one JSON object a line, the first says what is asked."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import msgspec

from analyzer.values.errors import Problem
from analyzer.values.sweep_rows import SweepRow

KIND: Final = "analyzer sweep 1"


@dataclass(frozen=True)
class ResultsHeader:
    """What all rows of one file have in common."""

    versions: Mapping[str, str]
    """Of the analyzer and of the packages that its numbers depend on."""
    options: Mapping[str, Any]
    kind: str = KIND


@dataclass
class ResultsFile:
    """Rows that are there already, and where more go."""

    rows: dict[str, SweepRow] = field(default_factory=dict)
    """By target."""
    stream: BinaryIO | None = None
    """None where rows are not kept."""

    def append(self, row: SweepRow) -> None:
        """Write one row and its line end at once, so that a killed process leaves at most half of its last line."""
        self.rows[row.target] = row
        if self.stream is not None:
            self.stream.write(_line(row))
            self.stream.flush()


@contextmanager
def results_file(place: str | None, header: ResultsHeader) -> Iterator[ResultsFile]:
    """The file at a place, begun anew or gone on with; half a last line is cut off.

    Raises Problem for a file of another version or of other options, for one that is no such file, for one that
    another process writes to, and where it cannot be written.
    """
    if place is None:
        yield ResultsFile()
        return
    try:
        with os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as stream:
            _lock(stream, place)
            yield ResultsFile(_begun(stream, place, header), stream)
    except OSError as error:
        raise Problem(f"--results {place}: {(error.strerror or str(error)).lower()}; choose another place") from error


def _lock(stream: BinaryIO, place: str) -> None:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Problem(f"--results {place}: another analyze is writing to it; wait for that one to end") from None


def _begun(stream: BinaryIO, place: str, header: ResultsHeader) -> dict[str, SweepRow]:
    """The rows that the file holds; afterwards it ends with a whole line, and what is written goes below it."""
    first = _line(header)
    text = stream.read()
    whole = text[: text.rfind(b"\n") + 1]
    if not whole and not first.startswith(text):
        raise Problem(_not_results(place))
    stream.truncate(len(whole))
    stream.seek(len(whole))
    if not whole:
        stream.write(first)
        stream.flush()
        return {}
    began, *lines = whole.splitlines()
    _refuse_others(began, header, place)
    rows = (_row(line, number, place) for number, line in enumerate(lines, 2))
    return {row.target: row for row in rows}


def _refuse_others(first: bytes, header: ResultsHeader, place: str) -> None:
    """Problem, with what differs, when the file was begun by another version or with other options."""
    try:
        found = msgspec.json.decode(first, type=ResultsHeader)
    except msgspec.DecodeError:
        found = None
    if found is None or found.kind != KIND:
        raise Problem(_not_results(place))
    wanted = msgspec.json.decode(_line(header), type=ResultsHeader)  # tuples are lists once they were written
    for what, theirs, ours in (("version", found.versions, wanted.versions), ("option", found.options, wanted.options)):
        for name in sorted(theirs.keys() | ours.keys()):
            before, now = theirs.get(name), ours.get(name)
            if before != now:
                differs = f"its {what} {name} is {_shown(before)}, this call's {_shown(now)}"
                raise Problem(f"--results {place}: {differs}; rows are not mixed, so give another file")


def _row(line: bytes, number: int, place: str) -> SweepRow:
    try:
        return msgspec.json.decode(line, type=SweepRow)
    except msgspec.DecodeError:
        raise Problem(f"--results {place}: line {number} is not a row of a sweep; delete that line") from None


def _not_results(place: str) -> str:
    return f"--results {place}: it was not written by analyze --results; choose another place"


def _shown(value: object) -> str:
    if value in (None, "", [], {}):
        return "not given"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def _line(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic") + b"\n"
