"""Costs as formulas, and totals at other sizes of the inputs."""

from collections.abc import Sequence

from analyzer.formats.markdown.markdown_text import code, prose, table
from analyzer.formats.wording import cost_formulas as wording
from analyzer.formats.wording.numbers import count, exact, size
from analyzer.values.results import Analysis
from analyzer.values.scaling import Scaling
from analyzer.values.size_sweeps import SizedTotal


def formulas(scaling: Scaling | None) -> str:
    """What has a formula, where it holds, and what was found beside it."""
    if scaling is None:
        return ""
    rows = [(name, code(text)) for name, text in wording.rows(scaling)]
    held = "; ".join(map(code, wording.lattices(scaling)))
    points = [f"- {prose(remark)}" for remark in wording.remarks(scaling)]
    said = f"Exact for {held}; parameters do not depend on sizes."
    return "\n\n".join(filter(None, (table("total|formula", rows), said, "\n".join(points))))


def at_sizes(analysis: Analysis, figure: str | None = None) -> str:
    """The totals at the sizes that were asked for, with where the quickest growing part overtakes the rest."""
    if not analysis.sizes:
        return ""
    names = _changing(analysis.sizes)
    titles = "|".join(
        (*(f"{name}:" for name in names), "MACs:", "exact:", "other FLOPs:", "peak bytes of activations:")
    )
    body = table(titles, [_row(sized, names) for sized in analysis.sizes])
    picture = f"![{prose(f'How the costs of {analysis.model.name} grow')}](<{figure}>)" if figure else ""
    crossovers = "\n".join(f"- {prose(text)}" for text in wording.crossovers(analysis))
    return "\n\n".join(filter(None, (body, crossovers, picture)))


def _changing(sizes: Sequence[SizedTotal]) -> list[str]:
    return list(sizes[0].sizes)


def _row(sized: SizedTotal, names: Sequence[str]) -> tuple[str, ...]:
    total = sized.total
    amounts = count(total.macs), exact(total.macs), count(total.other_flops), size(total.peak_activation_bytes)
    return *(exact(sized.sizes[name]) for name in names), *amounts
