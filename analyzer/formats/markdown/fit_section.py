"""The markdown section on a fitted model: budgets, harm, what was done to each layer, and the trade-off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tabulate import tabulate

from analyzer.formats.markdown.markdown_text import bullets, code, details, named, paragraphs
from analyzer.formats.wording import fit_wording
from analyzer.values.fit_results import CurvePoint, Fit


def section(fit: Fit | None, picture: str | None = None) -> str:
    """Empty for a model that was not fitted; the picture is that of the trade-off, by its address."""
    if fit is None:
        return ""
    return paragraphs(
        _table(map(fit_wording.budget_row, fit.budgets), ("budget", "asked", "limit", "before", "promised", "traced")),
        bullets(fit_wording.sentences(fit)),
        f"![Predicted harm of the best plans](<{picture}>)" if picture else "",
        _layers(fit),
        details("The whole trade-off", _curve(fit)) if fit.curve else "",
        details("Convolutions that nothing could take the place of", _left(fit)) if fit.left_alone else "",
    )


def _layers(fit: Fit) -> str:
    """Every changed layer, what costs most harm first."""
    if not fit.layers:
        return ""
    rows = [
        (
            code(layer.path),
            layer.label,
            f"{layer.saved_params:,}",
            f"{layer.saved_macs:,}",
            f"{layer.error:.1%}",
            fit_wording.harm(layer.harm),
        )
        for layer in sorted(fit.layers, key=lambda layer: -layer.harm)
    ]
    return _table(rows, ("layer", "now", "parameters saved", "MACs saved", "output lost", "predicted harm"))


def _left(fit: Fit) -> str:
    """Those of one reason together."""
    paths: dict[str, list[str]] = {}
    for layer in fit.left_alone:
        paths.setdefault(layer.reason, []).append(named(layer.path))
    return _table([(reason, ", ".join(own)) for reason, own in paths.items()], ("reason", "layers"))


def _curve(fit: Fit) -> str:
    headers = (f"{fit.budgets[0].metric} left", "parameters", "MACs", "layers changed", "predicted harm", "")
    return _table(map(_point, fit.curve), headers)


def _point(point: CurvePoint) -> tuple[str, ...]:
    knee = "knee" if point.is_knee else ""
    harm = fit_wording.harm(point.harm)
    return f"{point.share:.0%}", f"{point.params:,}", f"{point.macs:,}", str(point.layers), harm, knee


def _table(rows: Iterable[Sequence[str]], headers: Sequence[str]) -> str:
    """Cells as they are written."""
    return str(tabulate(rows, headers, tablefmt="github", disable_numparse=True))
