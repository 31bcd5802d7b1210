"""Several analyses as rows of one comparison."""

from collections.abc import Iterable
from dataclasses import replace

from analyzer.values.results import Analysis, ComparisonRow


def compare(analyses: Iterable[Analysis]) -> tuple[ComparisonRow, ...]:
    """One row an analysis, in the order given."""
    return tuple(map(_row, analyses))


def distinct(analyses: Iterable[Analysis]) -> list[Analysis]:
    """The same analyses; where names repeat, later ones are numbered."""
    seen: dict[str, int] = {}
    renamed = []
    for analysis in analyses:
        name = analysis.model.name
        seen[name] = seen.get(name, 0) + 1
        numbered = name if seen[name] == 1 else f"{name}-{seen[name]}"
        renamed.append(replace(analysis, model=replace(analysis.model, name=numbered)))
    return renamed


def _row(analysis: Analysis) -> ComparisonRow:
    total = analysis.total
    return ComparisonRow(
        name=analysis.model.name,
        target=analysis.model.target,
        params=total.params,
        param_bytes=total.param_bytes,
        macs=total.macs,
        other_flops=total.other_flops,
        peak_activation_bytes=total.peak_activation_bytes,
        complete=analysis.complete,
    )
