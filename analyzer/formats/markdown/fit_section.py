"""The markdown section on a fitted model: budgets, harm, what was done to each layer, and the trade-off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabulate import tabulate

from analyzer.formats.markdown.markdown_text import code, details, prose
from analyzer.formats.wording import fit_wording
from analyzer.values.fit_results import Fit


def section(fit: Fit | None, picture: str | None = None) -> str:
    """Empty for a model that was not fitted; the picture is that of the trade-off, by its address."""
    if fit is None:
        return ""
    points = "\n".join(f"- {prose(sentence)}" for sentence in fit_wording.sentences(fit))
    shown = f"![Predicted harm of the best plans](<{picture}>)" if picture else ""
    parts = (
        _budgets(fit),
        points,
        shown,
        _layers(fit),
        details("The whole trade-off", _curve(fit)) if fit.curve else "",
        details("Convolutions that nothing could take the place of", _left(fit)) if fit.left_alone else "",
    )
    return "\n\n".join(filter(None, parts))


def _budgets(fit: Fit) -> str:
    rows = [fit_wording.budget_row(budget) for budget in fit.budgets]
    return _table(rows, ("budget", "asked", "limit", "before", "promised", "traced"))


def _layers(fit: Fit) -> str:
    """Every changed layer, what costs most harm first."""
    if not fit.layers:
        return ""
    ordered = sorted(fit.layers, key=lambda layer: -layer.harm)
    rows = [
        (
            code(layer.path),
            layer.label,
            f"{layer.saved_params:,}",
            f"{layer.saved_macs:,}",
            f"{layer.error:.1%}",
            fit_wording.harm(layer.harm),
        )
        for layer in ordered
    ]
    headers = ("layer", "now", "parameters saved", "MACs saved", "output lost", "predicted harm")
    return _table(rows, headers)


def _left(fit: Fit) -> str:
    """Those of one reason together."""
    paths: dict[str, list[str]] = {}
    for layer in fit.left_alone:
        paths.setdefault(layer.reason, []).append(code(layer.path) if layer.path else "the model itself")
    return _table([(reason, ", ".join(own)) for reason, own in paths.items()], ("reason", "layers"))


def _curve(fit: Fit) -> str:
    rows = list(_points(fit))
    headers = (f"{fit.budgets[0].metric} left", "parameters", "MACs", "layers changed", "predicted harm", "")
    return _table(rows, headers)


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    """Cells as they are written."""
    return str(tabulate(rows, headers, tablefmt="github", disable_numparse=True))


def _points(fit: Fit) -> Iterator[tuple[str, ...]]:
    for point in fit.curve:
        knee = "knee" if point.is_knee else ""
        harm = fit_wording.harm(point.harm)
        yield f"{point.share:.0%}", f"{point.params:,}", f"{point.macs:,}", str(point.layers), harm, knee
