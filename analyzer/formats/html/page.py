"""One HTML file that needs nothing else: markup, style, scripts and data, and no request to any network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.formats.html import change_data, total_cards
from analyzer.formats.html.embedding import script_json
from analyzer.formats.html.page_data import page_data
from analyzer.formats.wording import numbers, sentences, verdict
from analyzer.formats.wording.log_text import without_control
from analyzer.values.comparison import compare
from analyzer.values.errors import Problem
from analyzer.values.gate_results import Difference
from analyzer.values.results import Analysis

if TYPE_CHECKING:
    from jinja2 import Environment

HOME: Final = Path(__file__).parent
SCRIPTS: Final = (
    "vendor/d3-hierarchy.min.js",
    "scripts/elements.js",
    "scripts/numbers.js",
    "scripts/modules.js",
    "scripts/suggestions.js",
    "scripts/layer_table.js",
    "scripts/module_map.js",
    "scripts/charts.js",
    "scripts/memory_chart.js",
    "scripts/roofline_chart.js",
    "scripts/changes.js",
    "scripts/sliders.js",
    "scripts/start.js",
)
"""In the order in which they run, as one script."""
REINSTALL: Final = "install it again, with pip install --force-reinstall torch-static-analysis"


def render(analyses: Sequence[Analysis], differences: Sequence[Difference | None] = ()) -> str:
    """The page of one model, or of several side by side; Problem where the installation lacks a part of it.

    `differences` are those of each model from another one; without them a gate's are taken, from the base.
    """
    from markupsafe import Markup

    against = [*differences] or [analysis.difference for analysis in analyses]
    script = "\n".join(map(part, SCRIPTS))
    style = part("templates/page.css")
    return (
        environment()
        .get_template("page.html")
        .render(
            analyses=analyses,
            differences=against,
            data=Markup(script_json(page_data(analyses, against))),
            script=Markup(script),
            style=Markup(style),
            script_hash=content_hash(script),
            style_hash=content_hash(style),
        )
    )


@cache
def part(name: str) -> str:
    """The text of one of the page's parts; Problem where it is missing."""
    try:
        return (HOME / name).read_text(encoding="utf-8")
    except OSError as error:
        raise Problem(
            f"{name}, a part of the page, is missing from this installation of analyzer; {REINSTALL}"
        ) from error


@cache
def environment() -> Environment:
    """Templates that escape what they are given, with the words of the other reports at hand."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(lambda name: part(f"templates/{name}")),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: without_control(value) if type(value) is str else value,
    )
    made.globals.update(
        cards=total_cards.cards,
        bars=total_cards.bars,
        total_rows=change_data.total_rows,
        compare=compare,
        numbers=numbers,
        sentences=sentences,
        verdict=verdict,
    )
    return made


def content_hash(text: str) -> str:
    """As a content security policy names the one script, or the one style, that may be used."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
