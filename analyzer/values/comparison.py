"""Several analyses as rows of one comparison."""

from collections.abc import Iterable
from dataclasses import replace

from analyzer.values.results import Analysis, ComparisonRow


def compare(analyses: Iterable[Analysis]) -> tuple[ComparisonRow, ...]:
    """One row an analysis, in the order given."""
    return tuple(
        ComparisonRow(
            name=analysis.model.name,
            target=analysis.model.target,
            params=analysis.total.params,
            param_bytes=analysis.total.param_bytes,
            macs=analysis.total.macs,
            other_flops=analysis.total.other_flops,
            peak_activation_bytes=analysis.total.peak_activation_bytes,
            complete=analysis.complete,
        )
        for analysis in analyses
    )


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
