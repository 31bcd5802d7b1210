"""How every figure looks: size, colours that follow a dark page, and SVG that is always the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, PANEL = 9.0, 1.7
"""Inches: the figure's width, and one panel's height with its title."""
TOP, BOTTOM = 0.28, 0.27
"""Inches: above the panels, and below them and what names their parts."""
LEFT, RIGHT = 0.085, 0.935
"""Where the panels begin and end, as shares of the width."""
# Blue and vermilion of Okabe and Ito's palette: distinguishable with any colour vision.
PARAMS_COLOUR, MACS_COLOUR, INK, FAINT = "#0072B2", "#D55E00", "#333333", "#DDDDDD"
PAPER = "#ffffff"
DARK = {PAPER: "#0d1117", INK: "#e6edf3", FAINT: "#3d444d", PARAMS_COLOUR: "#56B4E9", MACS_COLOUR: "#E69F00"}
"""What each colour is on a dark page; sky blue and orange are the same palette's bright pair."""
STYLE: dict[Any, Any] = {
    # Glyphs as outlines look the same in every viewer; the salt makes element ids reproducible.
    "svg.fonttype": "path",
    "svg.hashsalt": "analyzer",
    "font.size": 8.5,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.major.size": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}


def svg(title: str, width: float, height: float, draw: Callable[[Figure], None]) -> str:
    """What `draw` puts on a figure of so many inches, as SVG text; `title` is read out and shown on hovering."""
    from matplotlib.figure import Figure

    with _own_style():
        figure = Figure(figsize=(width, height), facecolor=PAPER)
        draw(figure)
        return _svg_text(figure, title)


def _svg_text(figure: Figure, title: str) -> str:
    """The figure as text that is the same whenever it is drawn."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    lines = "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
    before, tag, after = lines.partition("<svg ")
    attributes, end, body = after.partition(">\n")
    named = f'{attributes} role="img"{end} <title>{escape(title)}</title>\n <style>{_dark_rules()}</style>\n'
    return before + tag + named + body


def _dark_rules() -> str:
    """Rules that outrank the colours written on the elements where the reader's system is dark."""
    rules = "".join(
        f'[style*="{kind}: {light.lower()}"]{{{kind}:{dark} !important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme: dark){{{rules}}}"


@contextmanager
def _own_style() -> Iterator[None]:
    """`STYLE` over matplotlib's defaults, without the user's settings; a missing glyph is a box, not a warning."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def headline(axes: Axes, text: str, colour: str = INK) -> None:
    """What the axes show, above them at the left."""
    axes.set_title(text, loc="left", color=colour, weight="bold", size=9.5)


def grid(axes: Axes, axis: Literal["both", "y"] = "y") -> None:
    """Faint lines behind what is drawn."""
    axes.grid(axis=axis, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
