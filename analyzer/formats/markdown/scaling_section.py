"""Costs as formulas, and totals at other sizes of the inputs."""

from collections.abc import Sequence

from analyzer.formats.markdown.markdown_text import bullets, code, paragraphs, prose, table
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
    said = f"Exact for {held}; parameters do not depend on sizes."
    return paragraphs(table("total|formula", rows), said, bullets(wording.remarks(scaling)))


def at_sizes(analysis: Analysis, figure: str | None = None) -> str:
    """The totals at the sizes that were asked for, with where the quickest growing part overtakes the rest."""
    if not analysis.sizes:
        return ""
    names = list(analysis.sizes[0].sizes)
    titles = "|".join(
        (*(f"{name}:" for name in names), "MACs:", "exact:", "other FLOPs:", "peak bytes of activations:")
    )
    body = table(titles, [_row(sized, names) for sized in analysis.sizes])
    picture = f"![{prose(f'How the costs of {analysis.model.name} grow')}](<{figure}>)" if figure else ""
    return paragraphs(body, bullets(wording.crossovers(analysis)), picture)


def _row(sized: SizedTotal, names: Sequence[str]) -> tuple[str, ...]:
    total = sized.total
    amounts = count(total.macs), exact(total.macs), count(total.other_flops), size(total.peak_activation_bytes)
    return *(exact(sized.sizes[name]) for name in names), *amounts
