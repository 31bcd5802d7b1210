"""An analysis in a notebook, as tables without scripts, and its page in the reader's browser."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from analyzer.formats.html.page import environment, part, render
from analyzer.formats.wording import shown_layers, suggestions
from analyzer.formats.wording.shown_layers import Block, owns_something
from analyzer.values.errors import Problem
from analyzer.values.results import Analysis, Display

MOST_LAYERS: Final = 500
"""Rows of the folded table: notebooks are stored with their outputs."""


def attach() -> None:
    """Let analyses show themselves so."""
    Analysis.display = Display(fragment, show)


def fragment(analysis: Analysis) -> str:
    """Totals, budgets, what to do, blocks and layers, folded where they are long; markup to stand within a page."""
    from markupsafe import Markup

    layers = [layer for layer in analysis.layers if owns_something(layer)]
    blocks = shown_layers.blocks(analysis.layers)
    return (
        environment()
        .get_template("notebook.html")
        .render(
            analysis=analysis,
            style=Markup(part("templates/notebook.css")),
            plan=suggestions.what_to_do(analysis),
            blocks=shown_layers.weightiest(blocks, analysis.total, shown_layers.MAX_BLOCKS),
            block_name=_block_name,
            layers=layers[:MOST_LAYERS],
            more=max(0, len(layers) - MOST_LAYERS),
        )
    )


def _block_name(block: Block) -> str:
    return block.first if block.repeats == 1 else f"{block.first} … {block.last.rpartition('.')[2]}"


def show(analysis: Analysis) -> Path:
    """Write the page to a temporary file, which stays, and open it in the browser; where it is.

    Problem where no temporary file can be written.
    """
    import webbrowser

    try:
        number, name = tempfile.mkstemp(prefix="analyzer-", suffix=".html")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(render([analysis]))
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise Problem(f"the page cannot be written to {tempfile.gettempdir()}: {reason}; set TMPDIR") from error
    webbrowser.open(Path(name).as_uri())
    return Path(name)
