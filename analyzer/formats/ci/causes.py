"""Where a reviewer finds the cause of a finding: the line of the change that built the layer."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from analyzer.values.counts import Layer, Lines
from analyzer.values.results import Analysis

SETTINGS: Final = (".yaml", ".yml", ".json", ".toml", ".cfg", ".ini")
"""Files that models are configured in."""
OWN: Final = ("analyze.toml", "pyproject.toml", "setup.cfg")
"""Those that hold limits rather than what a model is built of."""


def is_caused(analysis: Analysis, path: str, layers: Mapping[str, Layer]) -> bool:
    """Whether the change touched the layer at a path or a statement that builds it; true without a base."""
    difference = analysis.difference
    if difference is None or any(item.path == path for item in difference.layers):
        return True
    layer = layers.get(path)
    return layer is not None and touched(layer, difference.changed_lines or ()) is not None


def place_of(analysis: Analysis, layer: Layer) -> tuple[str | None, int | None]:
    """File and line to tell a layer's growth at.

    The innermost statement of the change that was building it; else the only configuration file that changed; else the
    layer's own line.
    """
    changed = (analysis.difference.changed_lines if analysis.difference else None) or ()
    found = touched(layer, changed) or _settings_file(changed)
    return (found.file, found.first) if found else (layer.file, layer.line)


def touched(layer: Layer, changed: Sequence[Lines]) -> Lines | None:
    """The first lines of the change within the innermost statement that it touches."""
    own = (Lines(layer.file, layer.line, layer.line),) if layer.file and layer.line else ()
    statements = layer.construction or own
    hits = (
        Lines(lines.file, max(statement.first, lines.first), min(statement.last, lines.last))
        for statement in statements
        for lines in changed
        if lines.file == statement.file and lines.first <= statement.last and lines.last >= statement.first
    )
    return next(hits, None)


def _settings_file(changed: Sequence[Lines]) -> Lines | None:
    names = {lines.file for lines in changed if PurePosixPath(lines.file).suffix in SETTINGS}
    files = [name for name in names if PurePosixPath(name).name not in OWN]
    return next((lines for lines in changed if lines.file == files[0]), None) if len(files) == 1 else None
