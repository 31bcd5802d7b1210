"""Report formats: each turns an Analysis into text; which one is chosen by name or by the file's suffix."""

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Final

from analyzer.formats import csv, json
from analyzer.formats.ci import comment, github, gitlab, junit, sarif, step_summary
from analyzer.formats.figures import (
    depth_figure,
    fit_figure,
    growth_figure,
    latency_figure,
    memory_figure,
    sweep_figure,
)
from analyzer.formats.html import page, sweep_page
from analyzer.formats.markdown import report, sweep_report
from analyzer.formats.terminal import summary, sweep_summary
from analyzer.values.errors import Problem
from analyzer.values.results import Analysis, json_text
from analyzer.values.sweep_rows import Sweep

STDOUT = "-"
OPTIONS = {
    "comment": ("key", "silent", "rest"),
    "github": ("folder",),
    "gitlab": ("folder",),
    "html": ("differences",),
    "sarif": ("folder",),
}
"""What these formats take beside the analysis."""


BESIDE = (latency_figure, memory_figure, fit_figure, growth_figure)
"""Pictures that stand beside a markdown report where there is something to draw, in this order."""


FORMATS: Final[dict[str, Callable[..., str]]] = {
    "markdown": step_summary.reports,
    "json": json.render,
    "csv": csv.render,
    "text": summary.render,
    "figure": depth_figure.render,
    "html": page.render,
    "sarif": sarif.render,
    "junit": junit.render,
    "comment": comment.render,
    "summary": step_summary.render,
    "github": github.render,
    "gitlab": gitlab.render,
}
"""From analyses, one or several, to the text of a report; each may take more, by name."""
SWEEP_FORMATS: Final[dict[str, Callable[[Sweep], str]]] = {
    "markdown": sweep_report.render,
    "csv": csv.render_sweep,
    "json": json_text,
    "text": sweep_summary.render,
    "figure": sweep_figure.render,
    "html": sweep_page.render,
}
"""From the rows of many models to the text of a report."""
SUFFIXES = {
    ".csv": "csv",
    ".md": "markdown",
    ".json": "json",
    ".txt": "text",
    ".svg": "figure",
    ".sarif": "sarif",
    ".xml": "junit",
    ".html": "html",
}


def format_for(spec: str) -> tuple[str, str]:
    """Format and path of `[FORMAT:]PATH`; the suffix decides where none is named, and "-" is markdown on stdout.

    Raises Problem, with the known formats, where neither says which one is meant.
    """
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


def files(analyses: Sequence[Analysis], name: str, path: str, **options: object) -> dict[str, str]:
    """Every file of a report, text by path; beside markdown stand its figure and the reports of several models.

    Of the options a format gets those that it takes, as OPTIONS says.
    """
    if name != "markdown" or path == STDOUT:
        taken = {key: value for key, value in options.items() if key in OPTIONS.get(name, ())}
        return {path: FORMATS[name](analyses, **taken)}
    if len(analyses) == 1:
        return _illustrated(analyses[0], path)
    stem = PurePath(path).with_suffix("")
    return _side_by_side(analyses, path, [f"{stem}-{analysis.model.name}.md" for analysis in analyses])


def default_files(analyses: Sequence[Analysis], folder: str) -> dict[str, str]:
    """A markdown report for each model, named for it, and a comparison of several."""
    paths = [str(PurePath(folder) / f"{analysis.model.name}.md") for analysis in analyses]
    if len(analyses) == 1:
        return _illustrated(analyses[0], paths[0])
    return _side_by_side(analyses, str(PurePath(folder) / "comparison.md"), paths)


def _side_by_side(analyses: Sequence[Analysis], path: str, paths: Sequence[str]) -> dict[str, str]:
    links = [PurePath(own).name for own in paths]
    written = {path: report.render_comparison(analyses, links)}
    for analysis, own in zip(analyses, paths, strict=True):
        written |= _illustrated(analysis, own)
    return written


def _illustrated(analysis: Analysis, path: str) -> dict[str, str]:
    """The markdown report of one model and its figures."""
    plain = PurePath(path)
    picture, *others = (
        plain.with_name(f"{plain.stem}{end}.svg") for end in ("", "-latency", "-memory", "-fit", "-growth")
    )
    drawn = {place: figure.render(analysis) for place, figure in zip(others, BESIDE, strict=True)}
    names = (place.name if drawn[place] else None for place in others)
    beside = {str(name): text for name, text in drawn.items() if text}
    text, depth = report.render(analysis, picture.name, *names), depth_figure.render([analysis])
    return {path: text, str(picture): depth, **beside}


def sweep_files(sweep: Sweep, name: str, path: str) -> dict[str, str]:
    """Every file of a report on many models in one of `SWEEP_FORMATS`, by path; beside markdown stands its figure."""
    picture = str(PurePath(path).with_suffix(".svg"))
    if name != "markdown" or path == STDOUT or not (drawn := sweep_figure.render(sweep)):
        return {path: SWEEP_FORMATS[name](sweep)}
    return {path: sweep_report.render(sweep, PurePath(picture).name), picture: drawn}
