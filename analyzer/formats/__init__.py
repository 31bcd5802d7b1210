"""Report formats: each turns an Analysis into text; which one is told by name or by the file's suffix."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Protocol

from analyzer.formats import json
from analyzer.formats.ci import comment, github, gitlab, junit, sarif, step_summary
from analyzer.formats.figures import depth_figure, fit_figure, latency_figure, memory_figure
from analyzer.formats.markdown import report
from analyzer.formats.terminal import summary
from analyzer.values.errors import Problem
from analyzer.values.results import Analysis

STDOUT = "-"
OPTIONS = {
    "comment": ("key", "silent", "rest"),
    "github": ("folder",),
    "gitlab": ("folder",),
    "sarif": ("folder",),
}
"""What these formats take beside the analysis."""


BESIDE = (latency_figure, memory_figure, fit_figure)
"""Pictures that stand beside a markdown report where there is something to draw, in this order."""


class Format(Protocol):
    """A module with these two functions; each may take more, by name."""

    def render(self, analysis: Analysis, /) -> str:
        """The report of one model."""

    def render_comparison(self, analyses: Sequence[Analysis], /) -> str:
        """The report of several models."""


FORMATS: dict[str, Format] = {
    "markdown": report,
    "json": json,
    "text": summary,
    "figure": depth_figure,
    "sarif": sarif,
    "junit": junit,
    "comment": comment,
    "summary": step_summary,
    "github": github,
    "gitlab": gitlab,
}
SUFFIXES = {
    ".md": "markdown",
    ".json": "json",
    ".txt": "text",
    ".svg": "figure",
    ".sarif": "sarif",
    ".xml": "junit",
}


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
    others = ", ".join(name for name in FORMATS if name not in SUFFIXES.values())
    raise Problem(
        f"--output {spec}: no known format; end the path in one of {known}, "
        f"or name one of these or {others}, as in json:{path or spec}."
    )


def files(analyses: Sequence[Analysis], name: str, path: str, **options: str | bool) -> dict[str, str]:
    """Every file of a report, text by path; beside markdown stand its figure and the reports of several models.

    Of the options a format gets those that it takes, as OPTIONS says.
    """
    chosen: Any = FORMATS[name]
    taken = {key: value for key, value in options.items() if key in OPTIONS.get(name, ())}
    if len(analyses) == 1:
        return _files_of_one(analyses[0], name, path, **taken)
    if name != "markdown":
        return {path: chosen.render_comparison(analyses, **taken)}
    if path == STDOUT:
        parts = [report.render_comparison(analyses), *map(report.render, analyses)]
        return {path: "\n".join(parts)}
    stem = PurePath(path).with_suffix("")
    return _side_by_side(analyses, path, [f"{stem}-{analysis.model.name}.md" for analysis in analyses])


def default_files(analyses: Sequence[Analysis], folder: str) -> dict[str, str]:
    """A markdown report for each model, named for it, and a comparison of several."""
    paths = [str(PurePath(folder) / f"{analysis.model.name}.md") for analysis in analyses]
    if len(analyses) == 1:
        return _files_of_one(analyses[0], "markdown", paths[0])
    return _side_by_side(analyses, str(PurePath(folder) / "comparison.md"), paths)


def _side_by_side(analyses: Sequence[Analysis], path: str, paths: Sequence[str]) -> dict[str, str]:
    links = [PurePath(own).name for own in paths]
    written = {path: report.render_comparison(analyses, links)}
    for analysis, own in zip(analyses, paths, strict=True):
        written |= _files_of_one(analysis, "markdown", own)
    return written


def _files_of_one(analysis: Analysis, name: str, path: str, **options: Any) -> dict[str, str]:
    if name != "markdown" or path == STDOUT:
        chosen: Any = FORMATS[name]
        return {path: chosen.render(analysis, **options)}
    plain = PurePath(path)
    picture, *others = (plain.with_name(f"{plain.stem}{end}.svg") for end in ("", "-latency", "-memory", "-fit"))
    drawn = {place: figure.render(analysis) for place, figure in zip(others, BESIDE, strict=True)}
    names = (place.name if drawn[place] else None for place in others)
    beside = {str(name): text for name, text in drawn.items() if text}
    return {path: report.render(analysis, picture.name, *names), str(picture): depth_figure.render(analysis), **beside}
