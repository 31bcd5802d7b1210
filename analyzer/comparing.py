"""Several analyses as rows of one comparison."""

from collections.abc import Iterable

from analyzer.results import Analysis, ComparisonRow


def compare(analyses: Iterable[Analysis]) -> tuple[ComparisonRow, ...]:
    """One row an analysis, in the order given."""
    return tuple(map(_row, analyses))


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
