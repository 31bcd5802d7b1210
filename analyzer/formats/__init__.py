"""Report formats: each turns an Analysis into text; which one is told by name or by the file's suffix."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Protocol

from analyzer.formats import figure, json, markdown, terminal
from analyzer.problem import Problem
from analyzer.results import Analysis

STDOUT = "-"


class Format(Protocol):
    """A module with these two functions; each may take more, by name."""

    def render(self, analysis: Analysis, /) -> str:
        """The report of one model."""

    def render_comparison(self, analyses: Sequence[Analysis], /) -> str:
        """The report of several models."""


FORMATS: dict[str, Format] = {"markdown": markdown, "json": json, "text": terminal, "figure": figure}
SUFFIXES = {".md": "markdown", ".json": "json", ".txt": "text", ".svg": "figure"}


def format_for(spec: str) -> tuple[str, str]:
    """Format and path of `[FORMAT:]PATH`; the suffix decides where none is named, and "-" is markdown on stdout."""
    name, colon, path = spec.partition(":")
    if colon and name in FORMATS and path:
        return name, path
    if spec == STDOUT:
        return "markdown", spec
    suffix = PurePath(spec).suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix], spec
    known = ", ".join(f"{name} ({suffix})" for suffix, name in SUFFIXES.items())
    raise Problem(
        f"--output {spec}: no known format; name one as in json:{path or spec}, or end the path in one of {known}."
    )


def files(analyses: Sequence[Analysis], name: str, path: str) -> dict[str, str]:
    """Every file of a report, text by path: the report itself, and the figure beside a markdown report of one model."""
    if len(analyses) > 1:
        return {path: FORMATS[name].render_comparison(analyses)}
    if name != "markdown" or path == STDOUT:
        return {path: FORMATS[name].render(analyses[0])}
    picture = PurePath(path).with_suffix(".svg")
    return {path: markdown.render(analyses[0], picture.name), str(picture): figure.render(analyses[0])}
